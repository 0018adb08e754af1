"""From records to a delivery: what each says, and what cannot be understood."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from rotator.contracts.trail import Delivery
from rotator.model.access import Access
from rotator.trails.cloudtrail import Malformed, access_of

#: So many sentences are enough to know what is wrong.
_MOST_SENTENCES = 10


@dataclass
class Reading:
    """Records read so far."""

    accesses: list[Access] = field(default_factory=list)
    _malformed: dict[str, None] = field(default_factory=dict)

    def read(self, records: Iterable[object], where: str) -> None:
        """Reads records; `where` begins a sentence about one that cannot be understood. Raises what `records` does."""
        for record in records:
            try:
                access = access_of(record)
            except Malformed as malformed:
                self.complain(f"{where} cannot be understood: {malformed}")
                continue
            if access is not None:
                self.accesses.append(access)

    def complain(self, sentence: str) -> None:
        """Keeps a sentence, each once."""
        if len(self._malformed) < _MOST_SENTENCES:
            self._malformed[sentence] = None

    def delivery(self, receipt: str = "") -> Delivery:
        """What was read since the last one."""
        delivery = Delivery(tuple(self.accesses), tuple(self._malformed), receipt)
        self.accesses, self._malformed = [], {}
        return delivery
