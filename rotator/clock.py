"""The machine's clock: the only place where rotator asks the operating system for the time."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class SystemClock:
    """Clock by the operating system."""

    def now(self) -> datetime:
        """The present, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Lets time pass."""
        time.sleep(seconds)
