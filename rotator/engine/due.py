"""Is it due, and why: a chain of small named checks over what was gathered; the first that answers wins.

Checks do no I/O. Each answers with a reason for machines and a sentence for people.
"""

from __future__ import annotations

from collections.abc import Callable

from rotator.engine.ages import AgeSource, due_at, period_ends, spell
from rotator.engine.standing import DUE, HELD, Decision, Gathered, Standing, setback
from rotator.engine.yes import ASKED
from rotator.model.policy import Mode
from rotator.model.requests import RequestKind
from rotator.model.rotation import Reason, State
from rotator.model.windows import next_allowed

__all__ = ["CHAIN", "DUE", "HELD", "Decision", "Gathered", "Standing", "decide"]

Check = Callable[[Gathered], Decision | None]


def foreign(at: Gathered) -> Decision | None:
    """Another living installation owns the environment."""
    if at.surveyed and at.surveyed.foreign_owner:
        return Decision(Standing.FOREIGN, at.surveyed.foreign_owner)
    return None


def active(at: Gathered) -> Decision | None:
    """A rotation is under way."""
    rotation = at.history.active
    if rotation is None or rotation.state is not State.ACTIVE:
        return None
    return Decision(Standing.ACTIVE, f"{rotation.phase}: {rotation.sentence}", rotation.run_at)


def parked(at: Gathered) -> Decision | None:
    """A rotation stopped, both credentials live, and a person must look."""
    rotation = at.history.active
    if rotation is None or rotation.state is not State.PARKED:
        return None
    return Decision(Standing.PARKED, f"parked at {rotation.phase}: {rotation.sentence}")


def exempt(at: Gathered) -> Decision | None:
    """The policy excuses it until a date."""
    until = at.policy.exempt_until
    if until is None or until <= at.now:
        return None
    return Decision(
        Standing.EXEMPT,
        f"exempt until {until:%Y-%m-%d}: {at.policy.exempt_reason}",
        until,
    )


def missing(at: Gathered) -> Decision | None:
    """The store was looked at and has not all of its parameters."""
    if at.observed is None or at.age is not None:
        return None
    there = at.observed.versions
    names = ", ".join(name for name in at.policy.recipe.parameters if name not in there)
    return Decision(Standing.MISSING, f"not in the store: {names}")


def observed_only(at: Gathered) -> Decision | None:
    """Watched and alerted about, never rotated."""
    if at.policy.mode is not Mode.OBSERVE:
        return None
    return Decision(Standing.OBSERVED, f"watched only; {_age_sentence(at)}")


def unsurveyed(at: Gathered) -> Decision | None:
    """On a new or older journal nothing is touched until two scans agree or a person has looked."""
    if at.surveyed is None or not at.surveyed.agreed:
        sentence = "the journal is new here: nothing is touched until two scans agree"
    elif at.observed is None:
        sentence = "not looked at yet: the next scan does"
    else:
        return None
    return Decision(Standing.UNSURVEYED, sentence)


def paused(at: Gathered) -> Decision | None:
    """Somebody holds it."""
    if at.pause is None or at.pause.until <= at.now:
        return None
    sentence = f"paused by {at.pause.by} until {at.pause.until:%Y-%m-%d %H:%M} UTC: {at.pause.because}"
    return Decision(Standing.PAUSED, sentence, at.pause.until)


def requested(at: Gathered) -> Decision | None:
    """A person asked for it: neither its age nor the calendar matters to the start."""
    request = at.request
    if request is None or request.kind is RequestKind.APPROVE:
        return None
    if at.policy.submitted and at.submission is None:
        return None
    because = f": {request.because}" if request.because else ""
    asked = {
        RequestKind.EMERGENCY: "emergency, declared by",
        RequestKind.SUBMIT: "a new one was submitted by",
    }.get(request.kind, "asked for by")
    sentence = f"{asked} {request.by}{because}"
    if at.asked is not None and request.kind in ASKED and at.consent is None:
        wanted = f"waiting for somebody else: rotator approve {at.policy.secret} --reason …"
        return Decision(Standing.AWAITING_YES, f"{sentence}; {wanted}")
    return Decision(Standing.REQUESTED, sentence)


def awaiting_value(at: Gathered) -> Decision | None:
    """A person makes the successor, and nobody has submitted one. What goes first is asked for first."""
    if not at.policy.submitted:
        return None
    wanted = f"make a new one, then: rotator submit {at.policy.secret}"
    if at.request is not None and at.request.kind is RequestKind.EMERGENCY:
        return Decision(
            Standing.AWAITING_VALUE, f"emergency, declared by {at.request.by}, waiting for a person: {wanted}"
        )
    if not at.past_due and not at.wanted_by:
        return None
    return soak(at) or Decision(Standing.AWAITING_VALUE, f"due, waiting for a person: {wanted}")


def fresh(at: Gathered) -> Decision | None:
    """Its date has not come, and nobody waits for it."""
    if at.past_due or at.wanted_by or at.age is None:
        return None
    return Decision(Standing.FRESH, _age_sentence(at), due_at(at.policy, at.age))


def cooling_down(at: Gathered) -> Decision | None:
    """The last one was undone a short while ago."""
    undone = setback(at.history)
    if undone is None or undone.ended_at is None:
        return None
    until = undone.ended_at + at.policy.recipe.cooldown
    if until <= at.now:
        return None
    reason = undone.ledger.undo_reason or Reason.RETRYING
    return Decision(
        Standing.COOLING_DOWN,
        f"undone ({reason}); next attempt {until:%Y-%m-%d %H:%M} UTC",
        until,
    )


def awaiting_yes(at: Gathered) -> Decision | None:
    """mode: approve, and nobody has said yes; whoever said no is not asked again about the same credential."""
    if at.policy.mode is not Mode.APPROVE or at.consent is not None:
        return None
    if at.rejection is not None:
        because = f": {at.rejection.because}" if at.rejection.because else ""
        sentence = f"due, and {at.rejection.by} said no at {at.rejection.at:%Y-%m-%d %H:%M} UTC{because}"
        return Decision(Standing.REJECTED, sentence)
    return Decision(
        Standing.AWAITING_YES,
        f"due, waiting for: rotator approve {at.policy.secret} --reason …",
    )


def freeze(at: Gathered) -> Decision | None:
    """A freeze of its environment."""
    for span in at.environment.freezes:
        if span.begins <= at.now < span.ends:
            return Decision(
                Standing.FREEZE,
                f"due, held by the freeze {span.name}: {span.reason}",
                span.ends,
            )
    return None


def window(at: Gathered) -> Decision | None:
    """No window is open."""
    names = " or ".join(window.name for window in at.policy.windows)
    try:
        opens = next_allowed(at.now, at.policy.windows, at.environment.freezes)
    except ValueError as never:
        return Decision(Standing.WINDOW, f"due, waiting for the window {names}: {never}")
    if opens <= at.now:
        return None
    return Decision(
        Standing.WINDOW,
        f"due, waiting for the window {names}, which opens {opens:%Y-%m-%d %H:%M} UTC",
        opens,
    )


def soak(at: Gathered) -> Decision | None:
    """The environment that goes first has not proved this rotation yet, or not for long enough.

    Without an `until` it is the other environment's turn: it is wanted.
    """
    if at.proof is None or at.environment.after is None:
        return None
    first = f"{at.environment.after}/{at.policy.name}"
    if setback(at.proof) is not None:
        return Decision(Standing.SOAK, f"due, waiting: the last rotation of {first} was undone")
    done, ours = at.proof.last_done, at.history.last_done
    proved_at = done.ended_at if done else None
    if proved_at is None or (ours and ours.ended_at and proved_at <= ours.ended_at):
        return Decision(Standing.SOAK, f"due, waiting for {first} to prove it")
    until = proved_at + at.environment.soak
    if until <= at.now:
        return None
    return Decision(
        Standing.SOAK,
        f"due, {first} proved it; soaking until {until:%Y-%m-%d %H:%M} UTC",
        until,
    )


def never_rotated(at: Gathered) -> Decision | None:
    """Past its date, and rotator has never rotated it."""
    if at.history.last_done is not None or not at.past_due:
        return None
    return Decision(Standing.NEVER_ROTATED, f"never rotated; {_age_sentence(at)}")


def too_old(at: Gathered) -> Decision | None:
    """Past its date."""
    return Decision(Standing.TOO_OLD, _age_sentence(at)) if at.past_due else None


def wanted(at: Gathered) -> Decision | None:
    """Another environment is due and waits for this one."""
    return Decision(Standing.WANTED, f"{at.wanted_by} is due and waits for it") if at.wanted_by else None


CHAIN: tuple[Check, ...] = (
    foreign,  # another installation answers for it
    active,  # one at a time
    parked,  # a person first
    exempt,  # excused, with an end
    missing,  # nothing to rotate
    observed_only,  # no adapter, or the policy says so
    unsurveyed,  # a new journal looks before it touches
    paused,  # a person holds it
    requested,  # a person wants it now
    awaiting_value,  # a person has to make it
    fresh,  # nothing to do
    cooling_down,  # the last attempt was undone
    awaiting_yes,  # a person says when
    freeze,  # the calendar
    window,
    soak,  # staging first
    never_rotated,  # due
    too_old,
    wanted,
)


def decide(at: Gathered) -> Decision:
    """How the secret stands: the first check that answers."""
    for check in CHAIN:
        decision = check(at)
        if decision is not None:
            return decision
    raise AssertionError("fresh, too_old and wanted leave nothing open")


def _age_sentence(at: Gathered) -> str:
    age = at.age
    if age is None:
        return "age unknown"
    old = f"{spell(at.now - age.born)} old by the {age.source}"
    left = period_ends(at.policy, age) - at.now
    reset = " (any put resets that)" if age.source is AgeSource.STORE else ""
    ends = f"its period ends in {spell(left)}" if left.total_seconds() > 0 else f"{spell(left)} overdue"
    return f"{old}{reset}, {ends}"
