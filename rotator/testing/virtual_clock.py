"""Time that passes only when a test or a simulation says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class VirtualClock:
    """Clock; `sleep()` is instant."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._start, self._now = start, start

    def now(self) -> datetime:
        """The present, in UTC."""
        return self._now

    def monotonic(self) -> float:
        """Seconds since the start."""
        return (self._now - self._start).total_seconds()

    def sleep(self, seconds: float) -> None:
        """Lets time pass."""
        self.pass_by(timedelta(seconds=seconds))

    def pass_by(self, time: timedelta) -> None:
        """Lets time pass."""
        self._now += time
