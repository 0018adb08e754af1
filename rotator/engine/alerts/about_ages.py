"""Alerts about ages: due soon and overdue, also of secrets that are only watched, and what a person has to begin.

Whether a secret is overdue depends on its age alone, so the alert stays until the credential is rotated, whatever
happens to rotations meanwhile. Whether that is worth telling depends on what is being done about it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from rotator.engine.ages import AgeSource, period_ends, spell, written_again
from rotator.engine.alerts.finding import About, Finding
from rotator.engine.alerts.impact import NOTHING, done_so_far
from rotator.engine.standing import DUE, Decision, Gathered, Standing, rotate_command, setback
from rotator.model.alerts import AlertKind, Severity
from rotator.model.policy import Mode
from rotator.model.requests import RequestKind

_NOT_OURS = frozenset({Standing.EXEMPT, Standing.FOREIGN, Standing.MISSING})
#: Waits for a date, or for another environment.
_CALENDAR = frozenset({Standing.WINDOW, Standing.FREEZE, Standing.SOAK})
#: About to be taken up by itself.
_COMING = DUE | {Standing.UNSURVEYED}


def about_age(
    about: About, at: Gathered, decision: Decision, *, explained: bool, told_for_all: bool
) -> Iterator[Finding]:
    """What there is to say about a secret's age.

    `explained`: an alert of its own says already why it is not rotated. `told_for_all`: one of the installation does.
    """
    if at.age is None or decision.standing in _NOT_OURS:
        return
    overdue = -left if (left := period_ends(at.policy, at.age) - at.now) <= timedelta() else None
    if overdue is not None:
        quiet = _being_rotated(at) or told_for_all or (explained and not paging(at))
        yield _overdue(about, at, decision, overdue, quiet=quiet)
    yield from _due_soon(about, at, decision, left)
    if at.observed is not None and written_again(at.policy, at.age, at.observed):
        yield _written_not_rotated(about, at, left)
    if decision.standing is Standing.AWAITING_YES:
        yield _yes_wanted(about, at, decision)
    if decision.standing is Standing.AWAITING_VALUE:
        yield _value_wanted(about, at, decision)


def paging(at: Gathered) -> bool:
    """Whether it is overdue for so long, or so old, that somebody is woken."""
    if at.age is None:
        return False
    oldest = at.policy.max_age
    too_old = oldest is not None and at.now >= at.age.born + oldest
    return too_old or at.now >= period_ends(at.policy, at.age) + at.policy.page_after


def _overdue(about: About, at: Gathered, decision: Decision, late: timedelta, *, quiet: bool) -> Finding:
    facts = {
        **_age(at),
        "Overdue": spell(late),
        "Impact": "none yet: the credential is too old, and works as before",
        **_done(at),
        "Next": decision.sentence if at.policy.mode is not Mode.OBSERVE else _by_itself(at),
    }
    if at.observed is not None and at.observed.trouble:
        facts["Trouble"] = at.observed.trouble
    return about.finding(
        AlertKind.OVERDUE,
        Severity.CRITICAL if paging(at) else Severity.WARNING,
        "overdue",
        facts,
        _way_on(at, decision),
        about=_period(at),
        quiet=quiet,
        passing=decision.standing in _COMING,
    )


def _due_soon(about: About, at: Gathered, decision: Decision, left: timedelta) -> Iterator[Finding]:
    """Only where a person must do it. Overdue is told by its own alert; this one stays until it is rotated.

    Once somebody is asked for the new one, or has brought it, there is nothing to announce any more.
    """
    passed = [warning for warning in at.policy.warn_before if left <= warning]
    if not (at.policy.mode is Mode.OBSERVE or at.policy.submitted) or not passed:
        return
    last_call = len(passed) > 1 and len(passed) == len(at.policy.warn_before)
    yield about.finding(
        AlertKind.DUE_SOON,
        Severity.WARNING if last_call else Severity.INFO,
        "due soon",
        {
            **_age(at),
            "Due": f"in {spell(left)}",
            "Impact": "none yet",
            **_done(at),
            "Next": _by_itself(at),
        },
        _action(at),
        about=_period(at),
        quiet=left <= timedelta()
        or (at.policy.mode is not Mode.OBSERVE and decision.standing is not Standing.FRESH),
    )


def _written_not_rotated(about: About, at: Gathered, left: timedelta) -> Finding:
    """The store's date was reset by a put; the source knows better."""
    assert at.age is not None and at.observed is not None, "asked only when the source showed a date"
    assert at.observed.modified_at is not None, "present parameters have a date"
    by = f" by {at.observed.modified_by}" if at.observed.modified_by else ""
    facts = {
        "Store": f"written {spell(at.now - at.observed.modified_at)} ago{by}",
        "Source": f"made {spell(at.now - at.age.born)} ago",
        "Impact": "the parameter looks younger than the credential in it",
        **_done(at),
        "Next": f"its age counts by the source: {_left(left)}",
    }
    return about.finding(
        AlertKind.WRITTEN_NOT_ROTATED,
        Severity.WARNING,
        "written again, never rotated",
        facts,
        _action(at),
        about=f"{at.age.born:%Y%m%d%H%M%S}",
        quiet=_being_rotated(at),
    )


def _yes_wanted(about: About, at: Gathered, decision: Decision) -> Finding:
    """mode: approve. The period has not ended yet, or somebody asks sooner; when it has, overdue says so too."""
    asked = at.asked
    because = f": {asked.because}" if asked and asked.because else ""
    facts = {
        **({"Asked": f"by {asked.by}{because}"} if asked else {}),
        **_age(at),
        "Impact": "none yet",
        **_done(at),
        "Next": f"nothing until somebody says yes; {decision.sentence}",
        "No": f"rotator reject {at.policy.secret} --reason …: nobody is asked again about this one",
        **({"Approvers": ", ".join(at.policy.approvers)} if at.policy.approvers else {}),
    }
    return about.finding(
        AlertKind.APPROVAL_WANTED,
        Severity.WARNING,
        f"{asked.by} asks for a rotation, and it waits for another's yes"
        if asked
        else "due, and waits for a yes",
        facts,
        f"rotator approve {at.policy.secret} --reason …",
        about=asked.id if asked else _period(at),
    )


def _value_wanted(about: About, at: Gathered, decision: Decision) -> Finding:
    """Only a person can make it: due, wanted by another environment, or declared compromised.

    Once overdue wakes somebody, with the same thing to do, that is the one message.
    """
    asked = at.request
    emergency = asked is not None and asked.kind is RequestKind.EMERGENCY
    facts = {
        **_age(at),
        "Impact": "whoever has the one in use can log in with it until it is ended"
        if emergency
        else "none yet",
        **_done(at),
        "Next": f"nothing until a person has made a new one; {decision.sentence}. Leave the old one alive: rotator "
        "says when to end it",
    }
    return about.finding(
        AlertKind.BY_HAND,
        Severity.CRITICAL if emergency else Severity.WARNING,
        "compromised, and waits for a new one" if emergency else "due, and waits for a new one",
        facts,
        _action(at),
        about=asked.id if asked is not None and emergency else _period(at),
        quiet=paging(at) and not emergency,
    )


def _being_rotated(at: Gathered) -> bool:
    """Whether a rotation is under way, and not for so long that somebody should ask."""
    rotation = at.history.active
    return rotation is not None and at.now - rotation.opened_at < at.policy.page_after


def _age(at: Gathered) -> dict[str, str]:
    assert at.age is not None, "asked only about secrets that are in the store"
    reset = ", which any put resets" if at.age.source is AgeSource.STORE else ""
    old = f"{spell(at.now - at.age.born)} by the {at.age.source}{reset}"
    return {"Age": f"{old} (policy {spell(at.policy.rotate_every)})"}


def _done(at: Gathered) -> dict[str, str]:
    """What rotator has done about it: by the rotation under way, or the last one, if that was undone."""
    rotation = at.history.active or setback(at.history)
    return {"Done": done_so_far(rotation) if rotation is not None else NOTHING}


def _by_itself(at: Gathered) -> str:
    if at.policy.mode is not Mode.OBSERVE:
        return "rotator asks for a new one when it is due; it takes one at any time"
    return f"nothing by itself: {at.policy.note or 'its policy says mode: observe'}"


def _left(left: timedelta) -> str:
    return f"its period ends in {spell(left)}" if left > timedelta() else f"{spell(left)} overdue"


def _way_on(at: Gathered, decision: Decision) -> str:
    """What ends the wait of one that is overdue: by what holds it."""
    secret = at.policy.secret
    if at.policy.mode is Mode.OBSERVE or at.policy.submitted:
        return _action(at)
    if decision.standing in _CALENDAR:
        return f"nothing, if that may wait; else: {_action(at)}"
    return {
        Standing.PAUSED: f"rotator resume {secret}",
        Standing.COOLING_DOWN: f"rotator retry {secret}",
        Standing.AWAITING_YES: f"rotator approve {secret} --reason …",
        Standing.REJECTED: f"rotator approve {secret} --reason …",
        Standing.ACTIVE: f"rotator status {secret}",
        Standing.PARKED: f"rotator status {secret}",
    }.get(decision.standing, _action(at))


def _action(at: Gathered) -> str:
    if at.policy.mode is not Mode.OBSERVE:
        return rotate_command(at.policy.secret, by_hand=at.policy.submitted)
    return at.policy.runbook or "rotate it by hand, and write the new value into the store"


def _period(at: Gathered) -> str:
    """Names the period that ends: the same until the credential is another one."""
    assert at.age is not None, "asked only about secrets that are in the store"
    return f"{at.age.born:%Y%m%d%H%M%S}"
