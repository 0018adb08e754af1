"""One word for how a secret stands, as an operator would say it, and the order in which problems are shown."""

from __future__ import annotations

from enum import StrEnum

from rotator.engine.ages import period_ends
from rotator.engine.decisions import Decided
from rotator.engine.standing import HELD, Gathered, Standing
from rotator.model.policy import Mode
from rotator.model.rotation import UNDOING, Phase, Reason, Rotation, State

#: So many attempts in a row are no news yet: an answer gets lost now and then.
_TRIES = 3


class Word(StrEnum):
    """The deepest problem first."""

    PARKED = "PARKED"  # stopped, both credentials live, a person must look
    FAILED = "FAILED"  # attempts fail, or the last one was undone
    UNDOING = "UNDOING"  # on its way back to the old one
    NOT_OURS = "NOT OURS"  # another installation owns the environment
    MISSING = "MISSING"  # the store has not all of its parameters
    OVERDUE = "OVERDUE"  # past its period, and nothing is under way
    MANUAL_DUE = "MANUAL DUE"  # a person has to make the new one, or to end the old one
    APPROVAL = "APPROVAL"  # waits for a person's yes
    WAITING = "WAITING"  # for a window, a freeze, staging, or others
    PAUSED = "PAUSED"
    DUE = "DUE"  # taken up at the next scan
    ROTATING = "ROTATING"
    GRACE = "GRACE"  # consumers use the new one; the old one still works
    UNKNOWN = "UNKNOWN"  # not looked at yet
    WATCHED = "WATCHED"  # alerts only; a person rotates it
    EXEMPT = "EXEMPT"
    HEALTHY = "HEALTHY"


#: Somebody has to do something, or to look.
WRONG = frozenset({Word.PARKED, Word.FAILED, Word.UNDOING, Word.NOT_OURS, Word.MISSING, Word.OVERDUE})
#: It stands still until a person does something, however well all else goes.
ASKS = frozenset({Word.MANUAL_DUE, Word.APPROVAL})
#: Not listed unless asked for.
QUIET = frozenset({Word.HEALTHY, Word.EXEMPT, Word.WATCHED})
#: In the order of their weight.
ORDER = {word: place for place, word in enumerate(Word)}

_WAITS = frozenset(
    {Reason.WINDOW, Reason.OTHERS, Reason.SETTLING, Reason.STILL_USED, Reason.LISTING, Reason.QUARANTINE}
)


def word_of(entry: Decided) -> Word:
    """How a secret stands, in one word."""
    at, standing = entry.gathered, entry.decision.standing
    rotation = at.history.active
    if standing in {Standing.ACTIVE, Standing.PARKED} and rotation is not None:
        return _under_way(rotation)
    plain = {
        Standing.FOREIGN: Word.NOT_OURS,
        Standing.MISSING: Word.MISSING,
        Standing.EXEMPT: Word.EXEMPT,
        Standing.COOLING_DOWN: Word.FAILED,
        Standing.PAUSED: Word.PAUSED,
    }
    if standing in plain:
        return plain[standing]
    if at.age is None:
        return Word.UNKNOWN
    if standing is Standing.OBSERVED:
        return _watched(entry)
    if late(entry):
        return Word.OVERDUE
    if standing is Standing.AWAITING_YES:
        return Word.APPROVAL
    if standing is Standing.AWAITING_VALUE or (at.policy.submitted and soon(at) and not entry.decision.due):
        return Word.MANUAL_DUE
    if standing in HELD or (standing is Standing.UNSURVEYED and at.past_due):
        return Word.WAITING
    return Word.DUE if entry.decision.due else Word.HEALTHY


def late(entry: Decided) -> bool:
    """Whether the credential in use has outlived its period, and no rotation has put a new one in its place."""
    at = entry.gathered
    return at.age is not None and not replaced(at) and at.now > period_ends(at.policy, at.age)


def replaced(at: Gathered) -> bool:
    """Whether a rotation that is under way has brought all consumers to the successor."""
    active = at.history.active
    return active is not None and active.ledger.confirmed_at is not None and active.phase not in UNDOING


def _under_way(rotation: Rotation) -> Word:
    if rotation.state is State.PARKED:
        return Word.PARKED
    if rotation.phase in UNDOING:
        return Word.UNDOING
    failures = max(rotation.attempt, rotation.ledger.mints_lost)
    if rotation.reason is Reason.ROLLOUT_FAILED or failures >= _TRIES:
        return Word.FAILED
    if rotation.reason is Reason.AWAITING_YES:
        return Word.APPROVAL
    if rotation.reason is Reason.AWAITING_END:
        return Word.MANUAL_DUE
    if rotation.reason is Reason.PAUSED:
        return Word.PAUSED
    if rotation.phase is Phase.GRACE or rotation.reason is Reason.GRACE:
        return Word.GRACE
    return Word.WAITING if rotation.reason in _WAITS else Word.ROTATING


def _watched(entry: Decided) -> Word:
    at = entry.gathered
    if late(entry):
        return Word.OVERDUE
    by_hand = soon(at) and at.policy.mode is Mode.OBSERVE
    return Word.MANUAL_DUE if by_hand else Word.WATCHED


def soon(at: Gathered) -> bool:
    """Whether people have been warned that its period ends."""
    age = at.age
    return age is not None and any(
        period_ends(at.policy, age) - at.now <= warning for warning in at.policy.warn_before
    )
