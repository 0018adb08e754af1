"""What came of a phase: its own move, or what an exception on the way to it means.

What an adapter raises is sorted here, once: trouble waits and tries again, a verdict undoes or parks, and an exception
that nobody declared backs off and then parks, because a bug must never trigger a rollback.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import structlog

from rotator.engine.holds import held
from rotator.engine.parameters import Unreadable
from rotator.engine.phases import PHASES
from rotator.engine.phases.step import Move, Park, Step, Undo, Verdict
from rotator.engine.phases.undo import begin_undo, no_way_back
from rotator.model.errors import (
    CredentialRefused,
    GaveUp,
    JournalAway,
    LostClaim,
    NotYet,
    Refused,
    Transient,
)
from rotator.model.rotation import Ledger, Phase, Reason

log = structlog.get_logger()

#: What a source's or store's plain refusal means, by the phase that met it. Elsewhere it parks.
_REFUSALS = {
    Phase.PLAN: Reason.SOURCE_REFUSED,
    Phase.TIDY: Reason.SOURCE_REFUSED,
    Phase.CREATE: Reason.SOURCE_REFUSED,
    Phase.READY: Reason.STORE_REFUSED,
    Phase.ACTIVATE: Reason.SOURCE_REFUSED,
    Phase.VERIFY: Reason.NOT_ACCEPTED,
    Phase.ANNOUNCE: Reason.STORE_REFUSED,
    Phase.STORE: Reason.STORE_REFUSED,
    Phase.REDEPLOY: Reason.ROLLOUT_FAILED,
    Phase.CONFIRM: Reason.ROLLOUT_FAILED,
}


class Stopping(LostClaim):
    """SIGTERM: no new effect begins, and the row is given back as it is."""


def outcome(step: Step) -> Move:
    """What the row's phase answers, or what became of it. Raises LostClaim and JournalAway only."""
    move = _sorted(step)
    return replace(move, ledger=_tried(step, move.ledger)) if move.kind == "retries" else move


def _sorted(step: Step) -> Move:
    rotation = step.rotation
    try:
        try:
            _heed_rollback(step)
            return held(step) or PHASES[rotation.phase](step)
        except Undo as verdict:
            return begin_undo(step, verdict)
        except Refused as refusal:
            return _refused(step, refusal)
    except Verdict as verdict:
        return step.park(verdict.reason, verdict.sentence)
    except Refused as refusal:  # met on the way to the undo itself
        return step.park(Reason.SOURCE_REFUSED, str(refusal))
    except Stopping:
        return Move(
            rotation.phase,
            step.ledger,
            "",
            "stopped",
            reason=rotation.reason,
            run_at=step.now,
        )
    except (LostClaim, JournalAway):
        raise
    except NotYet as wait:
        known = step.ledger.failing_since if rotation.reason is Reason.RETRYING else None
        return step.wait(Reason.RETRYING, str(wait), wait.until, failing_since=known or step.now)
    except Transient as trouble:
        return _troubled(step, trouble)
    except Exception as bug:  # noqa: BLE001 - an undeclared exception must back off and park, never roll back
        return _surprised(step, bug)


def _heed_rollback(step: Step) -> None:
    """Raises Undo when a person asked to go back and there is a way; else the rotation goes on."""
    by = step.rotation.rolled_back_by
    if by is not None and not no_way_back(step.rotation, gapped=step.gapped):
        raise Undo(Reason.ROLLED_BACK, f"{by} asked to go back to the old one")


def _refused(step: Step, refusal: Refused) -> Move:
    if isinstance(refusal, Unreadable):  # to be mended by a person, before or after any way back
        raise Park(Reason.UNREADABLE, str(refusal))
    reason = _REFUSALS.get(step.rotation.phase)
    if reason is None or isinstance(refusal, CredentialRefused):
        raise Park(reason or Reason.SOURCE_REFUSED, str(refusal))
    return begin_undo(step, Undo(reason, str(refusal)))


def _troubled(step: Step, trouble: Transient) -> Move:
    """Tried again; and what was given up may still happen, so the moment is written down."""
    move = _retried(step, str(trouble), trouble.retry_after)
    if not isinstance(trouble, GaveUp):
        return move
    return replace(move, ledger=move.ledger.having(gave_up_at=step.parts.journal.now()))


def _retried(step: Step, sentence: str, retry_after: timedelta | None) -> Move:
    """Transient trouble never parks: it is tried again, at the longest backoff if it must be."""
    recipe, attempt = step.recipe, step.rotation.attempt
    backoff = min(recipe.backoff_longest, recipe.backoff_first * 2 ** min(attempt, 20))
    at = step.now + max(backoff, retry_after or timedelta())
    return Move(
        step.rotation.phase,
        step.ledger,
        sentence,
        "retries",
        reason=Reason.RETRYING,
        run_at=at,
    )


def _surprised(step: Step, bug: Exception) -> Move:
    log.error(
        "undeclared exception",
        rotation=step.rotation.id,
        phase=step.rotation.phase,
        kind=type(bug).__name__,
    )
    sentence = f"an unexpected {type(bug).__name__} in {step.rotation.phase}: this is a bug of rotator"
    if step.rotation.attempt + 1 >= step.recipe.attempts:
        return step.park(Reason.BUG, sentence)
    return _retried(step, sentence, None)


def _tried(step: Step, ledger: Ledger) -> Ledger:
    """The ledger after an attempt that failed."""
    again = step.rotation.attempt or step.ledger.mints_lost
    since = step.ledger.failing_since if again else None
    return ledger.having(tried_at=step.now, failing_since=since or step.now)
