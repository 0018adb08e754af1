"""What a worker made and could not record, because its claim was lost by then: it removes that, and nothing else does.

Zero rows updated is no proof that nothing was recorded, so the row is read first; and it tries again and again while
the source or the journal is away. Where the process dies before that, the next plan finds the credential by its label,
or the census shows it to people.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import structlog

from rotator.contracts.guard import claimed
from rotator.contracts.parts import Parts
from rotator.engine.settings import Bounds
from rotator.model.errors import JournalAway, NotYet, Refused, Transient
from rotator.model.rotation import Rotation

log = structlog.get_logger()


@dataclass
class Disowned:
    """The credentials that one worker has yet to remove, by id."""

    parts: Parts
    bounds: Bounds
    _made: dict[str, Rotation] = field(default_factory=dict)
    _from: float = 0.0  # when removing is tried again

    def add(self, credential_id: str, rotation: Rotation) -> None:
        """One more, removed at once where that can be; `rotation` as it was when it was made."""
        self._made[credential_id] = rotation
        self._from = 0.0
        self.remove()

    def remove(self) -> None:
        """Tries them all, now and then."""
        if not self._made or self.parts.clock.monotonic() < self._from:
            return
        self._from = self.parts.clock.monotonic() + self.bounds.slow_poll.total_seconds()
        for credential_id, rotation in list(self._made.items()):
            try:
                self._remove(credential_id, rotation)
            except (Transient, NotYet, JournalAway):
                continue
            except Refused as refusal:  # the census shows it to people
                log.warning(
                    "a credential that could not be recorded stays",
                    credential=credential_id,
                    trouble=str(refusal),
                )
            del self._made[credential_id]

    def _remove(self, credential_id: str, rotation: Rotation) -> None:
        """Unless its row names it after all."""
        there = self.parts.journal.rotation(rotation.id)
        if there is None or there.ledger.successor_id == credential_id:
            return
        with claimed(lambda _seconds: None):
            provider = self.parts.provider(rotation.recipe)
            if provider.traits.mints:
                provider.remove(credential_id)
                log.info(
                    "removed a credential that could not be recorded",
                    rotation=rotation.id,
                    credential=credential_id,
                )
