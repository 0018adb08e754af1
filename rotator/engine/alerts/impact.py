"""What a rotation means for the credential that consumers use, and whether they may be locked out by now."""

from __future__ import annotations

from rotator.model.rotation import UNDOING, Phase, Reason, Rotation

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


def _keeps_one(rotation: Rotation) -> bool:
    return rotation.recipe.accept_gap and rotation.recipe.accepted_as is None
