"""Clock: all time comes from here, so that tests and the simulation can hold it."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol, runtime_checkable


@runtime_checkable
class Clock(Protocol):
    """Wall time for people and records, monotonic time for bounds."""

    def now(self) -> datetime:
        """The present, in UTC."""

    def monotonic(self) -> float:
        """Seconds that never go back; only differences mean anything."""

    def sleep(self, seconds: float) -> None:
        """Lets time pass."""
