"""Alerts about rotations: those that are parked, going back, stuck, waiting for people, or were undone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from rotator.engine.alerts.finding import About, Finding
from rotator.engine.alerts.impact import done_so_far, impact, in_gap, in_gap_back
from rotator.engine.alerts.parked import parked_action, parked_at_risk, parked_title
from rotator.engine.outages import stuck
from rotator.engine.standing import rotate_command, setback
from rotator.model.alerts import AlertKind, Severity
from rotator.model.observations import History
from rotator.model.rotation import UNDOING, Phase, Priority, Reason, Rotation, State

_ROLLOUTS = frozenset({Reason.ROLLOUT_FAILED, Reason.NOT_SEEN})
#: "Not yet" is believed for so long, and where consumers may be locked out meanwhile, for so long.
_PUT_OFF, _PUT_OFF_IN_GAP = timedelta(hours=1), timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Trouble:
    """What keeps an active rotation from going on, by the reason in its row."""

    kind: AlertKind
    severity: Severity
    title: str
    following: str  # the next automatic step
    so: bool  # whether it is so at this moment
    passing: bool = False


def about_rotation(about: About, history: History) -> Iterator[Finding]:
    """What is wrong with the rotation under way, and with the last one if it was undone."""
    undone, rotation = setback(history), history.active
    if undone is not None:
        yield _undone(about, undone, rotation)
    if rotation is None:
        return
    if rotation.state is State.PARKED:
        yield _parked(about, rotation)
    elif rotation.phase in UNDOING:
        yield _going_back(about, rotation, known=undone is not None)
    else:
        yield from _held_up(about, rotation)
    if _awaits_end(rotation):
        yield _end_wanted(about, rotation)
    elif _awaits_yes(rotation):
        yield _yes_wanted(about, rotation)


def _parked(about: About, rotation: Rotation) -> Finding:
    at_risk = parked_at_risk(rotation) or in_gap(rotation) or in_gap_back(rotation)
    severity = Severity.CRITICAL if at_risk else Severity.WARNING
    kind = AlertKind.STILL_ALIVE if rotation.reason is Reason.STILL_ALIVE else AlertKind.PARKED
    facts = {
        **_step(rotation),
        "Reason": str(rotation.reason),
        "Next": f"nothing by itself. When you have looked: rotator approve {rotation.id} --reason …, and it goes on",
    }
    return about.finding(
        kind,
        severity,
        parked_title(rotation),
        facts,
        parked_action(rotation),
        about=rotation.id,
        rotation=rotation.id,
    )


def _going_back(about: About, rotation: Rotation, *, known: bool) -> Finding:
    """An undo under way; quiet while it goes on and people know that this secret's rotations are being undone."""
    held = stuck(rotation) or _put_off(rotation, about.now)
    goes_on = not held and rotation.reason is not Reason.STILL_USED
    why = rotation.ledger.undo_reason
    kind = AlertKind.ROLLOUT_FAILED if why in _ROLLOUTS else AlertKind.ROTATION_FAILED
    what = "rollout failed" if why in _ROLLOUTS else "rotation failed"
    if why is Reason.ROLLED_BACK:
        what = "a person wants the old one back"
    facts = {
        **_step(rotation),
        "Reason": f"{why} at {rotation.ledger.undo_from}",
        "Next": _way_back(rotation),
    }
    return about.finding(
        kind,
        Severity.CRITICAL if in_gap_back(rotation) and not goes_on else Severity.WARNING,
        f"{what}, going back",
        facts,
        _look(rotation),
        about=f"{rotation.id}/undo",
        rotation=rotation.id,
        quiet=known and goes_on,
    )


def _way_back(rotation: Rotation) -> str:
    """What an undo does next, or what holds it."""
    if rotation.reason is Reason.STILL_USED:
        return f"waits until nobody uses the new one any more, and looks again {_at(rotation.run_at)}"
    if stuck(rotation):
        return f"tries again {_at(rotation.run_at)}, and goes on back from there"
    return "the old value is put back, consumers are restarted, the new credential is removed"


def _held_up(about: About, rotation: Rotation) -> Iterator[Finding]:
    """Trouble of the phase it is in. What was told stays until the phase is left: a try in between is no news."""
    for trouble in _troubles(rotation, about.now):
        facts = {**_step(rotation), "Next": trouble.following}
        if trouble.kind is AlertKind.ROTATION_FAILED:
            facts["Attempts"] = str(max(rotation.attempt, rotation.ledger.mints_lost))
        yield about.finding(
            trouble.kind,
            trouble.severity,
            trouble.title,
            facts,
            _look(rotation),
            about=f"{rotation.id}/{rotation.phase}",
            rotation=rotation.id,
            quiet=not trouble.so,
            passing=trouble.passing,
            since=rotation.ledger.failing_since,
        )


def _troubles(rotation: Rotation, now: datetime) -> tuple[Trouble, ...]:
    again = f"tries again {_at(rotation.run_at)}"
    stands = f"rotation does not get past {rotation.phase}"
    return (
        Trouble(
            AlertKind.ROTATION_FAILED,
            Severity.CRITICAL if in_gap(rotation) else Severity.WARNING,
            f"consumers may be locked out: {stands}" if in_gap(rotation) else stands,
            again,
            so=stuck(rotation),
            passing=not in_gap(rotation),
        ),
        Trouble(
            AlertKind.STUCK,
            Severity.CRITICAL if in_gap(rotation) else Severity.WARNING,
            f"consumers may be locked out: rotation still waits at {rotation.phase}"
            if in_gap(rotation)
            else f"rotation still waits at {rotation.phase}",
            f"looks again {_at(rotation.run_at)}",
            so=_put_off(rotation, now),
        ),
        Trouble(
            AlertKind.ROLLOUT_FAILED,
            Severity.WARNING,
            "rollout failed",
            again,
            so=rotation.reason is Reason.ROLLOUT_FAILED,
        ),
        Trouble(
            AlertKind.STILL_USED,
            Severity.CRITICAL,
            "the old one is still in use",
            f"it stays alive until nobody uses it, and is looked at again {_at(rotation.run_at)}",
            so=rotation.reason is Reason.STILL_USED,
        ),
    )


def _put_off(rotation: Rotation, now: datetime) -> bool:
    """Whether a far side has said "not yet" for so long that it may never be done; no attempt has failed."""
    locked_out = in_gap(rotation) or in_gap_back(rotation)
    since, bound = rotation.ledger.failing_since, _PUT_OFF_IN_GAP if locked_out else _PUT_OFF
    waits = rotation.reason is Reason.RETRYING and rotation.attempt == 0 and not stuck(rotation)
    return waits and since is not None and now - since >= bound


def _awaits_yes(rotation: Rotation) -> bool:
    """Whether its last step waits for a person; a failed try in between does not answer for them."""
    if rotation.state is not State.ACTIVE or rotation.approved_by is not None:
        return False
    return rotation.reason is Reason.AWAITING_YES or (
        rotation.reason is Reason.RETRYING and rotation.phase in {Phase.GRACE, Phase.FORGET}
    )


def _awaits_end(rotation: Rotation) -> bool:
    """Whether a person has to end the old one; a failed try in between ends nothing."""
    waits = {Reason.AWAITING_END, Reason.AWAITING_YES, Reason.RETRYING}
    by_hand = rotation.ledger.submitted_by is not None and rotation.phase is Phase.PROVE
    return by_hand and rotation.state is State.ACTIVE and rotation.reason in waits


def _end_wanted(about: About, rotation: Rotation) -> Finding:
    """Everybody uses the new one, and only a person can end the old one."""
    tried = rotation.reason is not Reason.AWAITING_YES
    facts = {
        **_step(rotation),
        "Next": f"it is tried again {_at(rotation.run_at)}, and done once it is refused"
        if tried
        else "nothing until somebody says that it is ended; then it is done",
    }
    return about.finding(
        AlertKind.BY_HAND,
        Severity.CRITICAL if rotation.priority is Priority.EMERGENCY else Severity.WARNING,
        "the old one is to be ended by hand",
        facts,
        "end the old one at the source"
        if tried
        else f"end the old one at the source, then: rotator approve {rotation.id} --reason …",
        about=rotation.id,
        rotation=rotation.id,
        quiet=rotation.reason is Reason.RETRYING,
    )


def _yes_wanted(about: About, rotation: Rotation) -> Finding:
    facts = {**_step(rotation), "Next": "nothing until somebody says yes; both credentials live until then"}
    if rotation.recipe.external_consumers and about.outside:
        facts["Tell first"] = ", ".join(f"{who}: {page}" for who, page in about.outside.items())
    return about.finding(
        AlertKind.APPROVAL_WANTED,
        Severity.WARNING,
        "the last step waits for a yes",
        facts,
        f"rotator approve {rotation.id} --reason …",
        about=rotation.id,
        rotation=rotation.id,
        quiet=rotation.reason is not Reason.AWAITING_YES,
    )


def _undone(about: About, undone: Rotation, trying: Rotation | None) -> Finding:
    """One alert for a series of attempts that are undone: it stays until one succeeds."""
    by_hand = undone.ledger.submitted_by is not None
    if trying is None and by_hand:
        following = "nothing by itself: a person submits one again"
    elif trying is None:
        following = _next_attempt(undone, about.now)
    elif trying.state is State.PARKED:
        following = "nothing by itself: the next attempt is parked"
    else:
        following = f"being tried again: {trying.phase}"
    facts = {
        "Reason": f"{undone.ledger.undo_reason} at {undone.ledger.undo_from}",
        "Impact": "the source refused the old credential before rotator began, and it is current"
        if undone.ledger.predecessor_works is False
        else "none: the old credential is current",
        "Done": undone.sentence,
        "Next": following,
    }
    return about.finding(
        AlertKind.UNDONE,
        Severity.WARNING,
        "rotation undone",
        facts,
        rotate_command(undone.secret, by_hand=True) if by_hand else _look(undone),
        rotation=undone.id,
        quiet=trying is not None and trying.state is State.PARKED,
    )


def _next_attempt(undone: Rotation, now: datetime) -> str:
    """When an undone one is tried again."""
    assert undone.ended_at is not None, "it has ended"
    cooled = undone.ended_at + undone.recipe.cooldown
    if cooled <= now:
        return "tried again as soon as nothing holds it, if it is still due"
    return f"tried again {_at(cooled)}, if it is still due; sooner: rotator retry {undone.secret}"


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _step(rotation: Rotation) -> dict[str, str]:
    return {
        "Step": f"{rotation.phase}: {rotation.sentence}",
        "Impact": impact(rotation),
        "Done": done_so_far(rotation),
    }


def _look(rotation: Rotation) -> str:
    return f"rotator history {rotation.secret}"
