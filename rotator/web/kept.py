"""Figures that cost something to find are kept for a while, so that nobody can make the journal busy by asking."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Generic, TypeVar

from rotator.contracts.clock import Clock
from rotator.model.errors import JournalAway

T = TypeVar("T")

#: Finding figures takes this share of the time at most, however large the journal has grown.
SHARE = 1 / 200


class Kept(Generic[T]):
    """What `find` found, for `a_while`; longer if finding it takes more than its `share` of the time."""

    def __init__(self, find: Callable[[], T], clock: Clock, a_while: timedelta, share: float = SHARE) -> None:
        self._find, self._clock, self._a_while, self._share = find, clock, a_while.total_seconds(), share
        self._lock = threading.Lock()
        self._found: tuple[T] | None = None
        self._until = 0.0

    def get(self) -> T:
        """What was found last, or what is found now; callers at the same time share it. Raises what `find` raises."""
        with self._lock:
            began = self._clock.monotonic()
            if self._found is None or began >= self._until:
                self._found = (self._find(),)
                took = self._clock.monotonic() - began
                self._until = began + took + max(self._a_while, took / self._share)
            return self._found[0]


class FoundAside(Generic[T]):
    """The same, found in a thread of its own: who asks waits a moment for it, and else gets what was found before."""

    def __init__(
        self,
        find: Callable[[], T],
        clock: Clock,
        a_while: timedelta,
        moment: float = 1.0,
        share: float = SHARE,
    ) -> None:
        self._kept, self._moment = Kept(find, clock, a_while, share), moment
        self._busy, self._ended = threading.Lock(), threading.Event()
        self._found: T | None = None

    def get(self) -> T | None:
        """What was found last; None until it was found once, and while the journal is away."""
        if self._busy.acquire(blocking=False):
            self._ended.clear()
            threading.Thread(target=self._look, name="figures", daemon=True).start()
        self._ended.wait(self._moment)
        return self._found

    def _look(self) -> None:
        try:
            self._found = self._kept.get()
        except JournalAway:
            self._found = None  # what was so before the journal went away is no news
        finally:
            self._busy.release()
            self._ended.set()
