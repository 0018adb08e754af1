"""What a rotation has done so far, what it means for the credential in use, and whether consumers may be locked out."""

from __future__ import annotations

from rotator.model.rotation import UNDOING, Phase, Reason, Rotation

#: Done about something that rotator has only looked at.
NOTHING = "nothing that changes anything"
#: From here on a source without overlap may have dropped the predecessor.
_GAP = frozenset({Phase.ACTIVATE, Phase.STORE, Phase.VERIFY, Phase.REDEPLOY, Phase.CONFIRM})


def in_gap(rotation: Rotation) -> bool:
    """Whether consumers may be locked out by now: the source keeps one credential, and it is not the one they read."""
    under_way = rotation.phase in _GAP and rotation.ledger.confirmed_at is None
    return under_way and _keeps_one(rotation)


def in_gap_back(rotation: Rotation) -> bool:
    """The same of an undo: what consumers may have read is about to be refused, or is by now."""
    returned = rotation.ledger.reconfirmed_at is not None or not rotation.ledger.wrote
    return rotation.phase in UNDOING and not returned and _keeps_one(rotation)


def impact(rotation: Rotation) -> str:
    """What it means for the credential that consumers use."""
    ledger = rotation.ledger
    if rotation.reason is Reason.NEITHER_WORKS:
        return "consumers are locked out: neither the old nor the new credential works"
    if rotation.reason is Reason.SUCCESSOR_DEAD:
        return "the credential in use is refused by its source"
    if rotation.reason is Reason.STILL_ALIVE:
        return "consumers work; a credential that should be dead is still accepted"
    if rotation.reason is Reason.DRIFT and not (in_gap(rotation) or in_gap_back(rotation)):
        return (
            "unknown: what runs keeps the value that it has read; what starts now reads what somebody else wrote, "
            "and rotator does not know whether that works"
        )
    if ledger.confirmed_at is not None and rotation.phase not in UNDOING:
        which = (
            "disabled" if ledger.disabled_at is not None or ledger.removed_at is not None else "still valid"
        )
        return f"none yet: consumers use the new credential, the old one is {which}"
    if in_gap_back(rotation):
        return (
            "consumers may be locked out until they read the old credential again: the source keeps only one"
        )
    if in_gap(rotation):
        return "consumers may be locked out until they read the new credential: the source keeps only one"
    if ledger.predecessor_works is False:
        return "the source refused the old credential before rotator began: whoever uses it is locked out"
    return "none yet: the old credential is valid"


def done_so_far(rotation: Rotation) -> str:
    """What rotator has done already, step by step, as the row has it; what was sent and had no answer is not in it."""
    ledger = rotation.ledger
    forth = {
        "a new one made": ledger.successor_id,
        "accepted beside the old one": ledger.announced_at,
        "written to the store": ledger.wrote,
        "consumers seen on it": ledger.confirmed_at,
    }
    # On the way back it is the new one that is disabled, forgotten and removed.
    ended = "new" if rotation.phase in UNDOING else "old"
    back = {
        "the old one written back": ledger.restored,
        "consumers seen on that": ledger.reconfirmed_at,
        f"the {ended} one disabled": ledger.disabled_at,
        f"the {ended} one out of the accepted set": ledger.forgot_at,
        f"the {ended} one removed": ledger.removed_at,
    }
    steps = {**forth, **back}
    return ", ".join(step for step, happened in steps.items() if happened) or NOTHING


def _keeps_one(rotation: Rotation) -> bool:
    return rotation.recipe.accept_gap and rotation.recipe.accepted_as is None
