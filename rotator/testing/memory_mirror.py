"""A mirror in memory that keeps every promise of Mirror, with switches for what a far side does to its callers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from rotator.contracts.clock import Clock
from rotator.contracts.guard import guard
from rotator.model.errors import Refused, Transient
from rotator.model.secrets import Sealed

LARGEST = 4096


@dataclass(slots=True)
class MemoryCopy:
    """One copy: its value, when it was written, and what is kept beside it."""

    value: Sealed
    written_at: datetime
    readers: str = "everybody"


@dataclass(slots=True)
class MemoryPlace:
    """The far side. `away`, `throttled` and `lost_answers` are what it does to the next calls."""

    clock: Clock
    copies: dict[str, MemoryCopy] = field(default_factory=dict)
    away: bool = False
    throttled: int = 0
    lost_answers: int = 0


class MemoryMirror:
    """The copies at the place."""

    def __init__(self, place: MemoryPlace) -> None:
        self._place = place

    def write(self, name: str, value: Sealed) -> None:
        """Writes the value; the same value again is no change."""
        if value.size > LARGEST:
            raise Refused(f"{name}: the value has {value.size} bytes; nothing was written")
        self._arrive()
        guard()
        there = self._place.copies.get(name)
        readers = there.readers if there else "nobody"
        self._place.copies[name] = MemoryCopy(value, self._place.clock.now(), readers)
        if self._place.lost_answers:
            self._place.lost_answers -= 1
            raise Transient(f"the place did not answer when asked to write {name}")

    def stale(self, name: str, since: datetime) -> bool | None:
        """Whether the copy is older than `since`."""
        self._arrive()
        there = self._place.copies.get(name)
        return there is None or there.written_at < since

    def _arrive(self) -> None:
        if self._place.away:
            raise Transient("the place does not answer")
        if self._place.throttled:
            self._place.throttled -= 1
            raise Transient("the place says that it is asked too often")
