"""What holds a rotation back before its next effect: policy, pause, windows, freezes, and other rotations.

Undo and emergencies are exempt from the calendar. A hold is never a failure.
"""

from __future__ import annotations

from datetime import timedelta

from rotator.engine.calendar import allowed_from
from rotator.engine.phases.step import Move, Park, Step
from rotator.model.numbers import counted
from rotator.model.policy import Mode
from rotator.model.rotation import BEFORE_CONFIRMED, UNDOING, Phase, Reason

#: Phases that restart or invalidate something: the calendar binds them.
_RESTARTS_OR_INVALIDATES = frozenset(
    {
        Phase.ANNOUNCE,
        Phase.STORE,
        Phase.REDEPLOY,
        Phase.DISABLE,
        Phase.FORGET,
        Phase.REMOVE,
    }
)
#: A source that keeps one credential and mints has dropped the old one here; one that is told its value has it until
#: activate was tried.
_AFTER_THE_MINT = frozenset({Phase.READY, Phase.ACTIVATE})
#: Phases that only look, wait, or finish what an effect began: nothing holds them.
_HARMLESS = frozenset({Phase.CONFIRM, Phase.GRACE, Phase.PROVE, Phase.QUARANTINE, Phase.VERIFY})


def held(step: Step) -> Move | None:
    """A wait when the next effect must not happen now; None when the phase may run. Parks what left the policy."""
    phase = step.rotation.phase
    if phase in UNDOING or phase in _HARMLESS or _midway(step):
        return None
    if step.today is None:
        raise Park(
            Reason.LEFT_POLICY,
            f"{step.recipe.secret} is not in policies.yaml any more; {_what_lives(step)}",
        )
    return _not_ours(step) or _stopped(step) or _paused(step) or _calendar(step) or _others(step)


def _what_lives(step: Step) -> str:
    """What a person who cleans up after it has to look for."""
    if step.ledger.successor_id is not None:
        return "both credentials live"
    if step.ledger.minting_at is not None:
        return f"beside the one in use, one that was made for {step.rotation.id} may live at the source"
    return "the credential in use stays as it is"


def _midway(step: Step) -> bool:
    """Whether this phase's effect has happened and only its consequences are awaited."""
    phase, ledger = step.rotation.phase, step.ledger
    locked_out = {Phase.STORE, Phase.REDEPLOY} | (_AFTER_THE_MINT if step.traits.mints else frozenset())
    if step.gapped and phase in locked_out:
        return True  # the way back is closed, and consumers are locked out until they are restarted
    if step.gapped and (_may_have_minted(step) or _may_have_activated(step)):
        return True
    return (phase is Phase.ANNOUNCE and ledger.announced is not None) or (
        phase is Phase.FORGET and ledger.forgot is not None
    )


def _may_have_minted(step: Step) -> bool:
    """Whether a mint without an answer may have locked consumers out: looking harms nobody, and tells."""
    row, ledger = step.rotation, step.ledger
    lost = ledger.minting_at is not None and (ledger.mints_lost > 0 or row.claim_lost_at is not None)
    if not lost or row.phase not in {Phase.PLAN, Phase.TIDY, Phase.CREATE}:
        return False
    looks_first = ledger.planned_fence != row.fence
    return looks_first or ledger.predecessor_works is False


def _may_have_activated(step: Step) -> bool:
    """Whether a source that is told its value may have it: somebody was at it in this phase, and no answer came."""
    row, tried = step.rotation, (step.rotation.claim_lost_at, step.ledger.tried_at)
    if row.phase is not Phase.ACTIVATE or step.traits.mints:
        return False
    return any(moment is not None and moment >= row.phase_since for moment in tried)


def _not_ours(step: Step) -> Move | None:
    """Somebody else's environment, or one that was not looked at twice since the journal came back, is left alone."""
    seen = step.parts.journal.holds().surveyed.get(step.recipe.environment)
    if seen is None or (seen.agreed and not seen.foreign_owner):
        return None
    sentence = seen.foreign_owner or "nothing is touched here until two scans agree"
    return step.wait(Reason.NOT_OURS, sentence, step.bounds.slow_poll)


def _stopped(step: Step) -> Move | None:
    """Today's policy only watches it."""
    if step.today is None or step.today.mode is not Mode.OBSERVE:
        return None
    sentence = "its policy says mode: observe: nothing more is changed, and both credentials live"
    return step.wait(Reason.PAUSED, sentence, step.bounds.slow_poll)


def _paused(step: Step) -> Move | None:
    pause = step.parts.journal.holds().pauses.get(step.recipe.secret)
    if pause is None or pause.until <= step.now:
        return None
    sentence = f"paused by {pause.by} until {pause.until:%Y-%m-%d %H:%M} UTC: {pause.because}"
    return step.wait(Reason.PAUSED, sentence, min(pause.until, step.now + step.bounds.slow_poll))


def _calendar(step: Step) -> Move | None:
    binds = step.rotation.phase in _RESTARTS_OR_INVALIDATES or (
        step.gapped and step.rotation.phase in {Phase.CREATE, *_AFTER_THE_MINT}
    )
    if not binds or step.emergency or step.today is None:
        return None
    allowed = allowed_from(step.parts.policies(), step.today, step.now)
    if allowed <= step.now:
        return None
    return step.wait(
        Reason.WINDOW,
        f"waiting for the window that opens {allowed:%Y-%m-%d %H:%M} UTC",
        allowed,
    )


def _others(step: Step) -> Move | None:
    """max_concurrent of the environment: how many rotations of one workload may be between plan and confirm."""
    environment = step.parts.policies().environments.get(step.recipe.environment)
    limit = environment.max_concurrent if environment else None
    if (
        limit is None
        or step.emergency
        or step.rotation.phase is not Phase.PLAN
        or step.ledger.planned_fence is not None
    ):
        return None
    us = step.rotation.opened_at, step.rotation.id
    ahead = {  # a parked one waits for a person: nobody waits for it
        other.id: other.secret
        for deployment in step.deployments()
        for other in step.parts.journal.on_their_way(deployment.id, BEFORE_CONFIRMED)
        if other.id != step.rotation.id
        and (other.phase is not Phase.PLAN or (other.opened_at, other.id) < us)
    }
    if len(ahead) < limit:
        return None
    sentence = f"waiting for {next(iter(ahead.values()))}: at most {counted(limit, 'rotation')} of a workload at once"
    return step.wait(Reason.OTHERS, sentence, max(step.bounds.poll, timedelta(seconds=5)))
