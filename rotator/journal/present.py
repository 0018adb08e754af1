"""The present by the database's clock, without asking it: what it last said, and what has passed since.

Every claim and every checkpoint brings the database's time along. For a second after that the process's own monotonic
clock counts on from there: a step of the database's clock is noticed within that second, and no two clocks drift apart
meanwhile. The answer is never ahead of the database, only behind by as long as the last answer took.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

_SECONDS: Final = 1.0


class Present:
    """What time it is there. Without a monotonic clock nobody knows, and the database has to be asked."""

    def __init__(self, monotonic: Callable[[], float] | None) -> None:
        self._monotonic = monotonic
        self._heard: tuple[float, float] | None = (
            None  # by our clock: when, and how far the database is ahead
        )

    def hear(self, at: datetime) -> datetime:
        """The database says that it is `at`, or was when it began to answer. Of what it says the quickest counts."""
        if self._monotonic is not None:
            here, heard = self._monotonic(), self._heard
            ahead = at.timestamp() - here
            if heard is None or ahead >= heard[1] or here - heard[0] >= _SECONDS:
                self._heard = here, ahead
        return at

    def now(self) -> datetime | None:
        """The present, or None when the database has said nothing for a while."""
        if self._monotonic is None or self._heard is None:
            return None
        here, (since, ahead) = self._monotonic(), self._heard
        return datetime.fromtimestamp(here + ahead, UTC) if here - since < _SECONDS else None
