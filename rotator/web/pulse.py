"""Pulse: who of the process has moved lately. It knows nothing of AWS, the journal or any far side.

A far side that is away makes nobody silent: every call ends after seconds. Silent is what hangs or has died, and
that is what a restart cures, because claims of a worker that hangs are renewed and its rows would never be freed.
"""

from __future__ import annotations

from datetime import timedelta

from rotator.contracts.clock import Clock

#: The scheduler wakes something every two seconds.
SCHEDULER, SCHEDULER_MOVES_WITHIN = "the scheduler", timedelta(minutes=1)
#: A worker may run many steps of one row in a turn, and each of its calls may take its whole time.
WORKER_MOVES_WITHIN = timedelta(minutes=10)


class Pulse:
    """Shared by all threads; a part is watched from its first beat on, the scheduler from the start."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._beats: dict[str, tuple[float, timedelta]] = {}
        self.beat(SCHEDULER, SCHEDULER_MOVES_WITHIN)

    def beat(self, part: str, again_within: timedelta) -> None:
        """`part` moves, and will do so again within that time."""
        self._beats[part] = (self._clock.monotonic(), again_within)

    def silent(self) -> list[str]:
        """Who has not moved for too long."""
        now = self._clock.monotonic()
        beats = self._beats.copy()  # a worker may begin meanwhile
        return sorted(part for part, (at, within) in beats.items() if now - at > within.total_seconds())
