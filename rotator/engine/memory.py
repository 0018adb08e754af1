"""The journal's memory of which credential a store holds, for sources that cannot tell it by its value."""

from __future__ import annotations

from collections.abc import Mapping

from rotator.contracts.journal import Journal
from rotator.engine.ages import written_first
from rotator.model.rotation import State

#: The last rotation that was done is among so many, or long past.
_LOOKED_BACK = 20


def remembered(journal: Journal, secret: str, versions: Mapping[str, int]) -> str | None:
    """The credential's id if the journal made it and the store still holds what it wrote, or put back."""
    earlier = journal.rotations(secret=secret, limit=_LOOKED_BACK)
    done = next((rotation for rotation in earlier if rotation.state is State.DONE), None)
    undone = next((rotation for rotation in earlier if rotation.state is State.UNDONE), None)
    return done.ledger.successor_id if done and done.ledger.wrote == written_first(undone, versions) else None
