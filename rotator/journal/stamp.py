"""Stamp: something that is read once, and again only when the database says that it may have changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any


class Stamp:
    """What was read under which stamp, and the one that the database's latest answer brought along.

    Latest by the database's clock: threads may hand theirs in late. It may also be a lower one, after a failover that
    lost what was written last.
    """

    def __init__(self) -> None:
        self._seen: tuple[datetime, int] | None = None
        self._kept: tuple[int, Any] | None = None

    def see(self, at: datetime, stamp: int) -> None:
        """An answer of that time brought it along."""
        if self._seen is None or at >= self._seen[0]:
            self._seen = at, stamp

    def keep(self, stamp: int, content: Any) -> None:
        """What was read, and under which stamp."""
        self._kept = stamp, content

    def forget(self) -> None:
        """It has changed."""
        self._kept = None

    def kept(self) -> Any:
        """What was read; None if it may have changed since."""
        kept, seen = self._kept, self._seen
        return kept[1] if kept is not None and seen is not None and kept[0] == seen[1] else None
