"""Lookout: of the workers that have nothing to do, one looks for work now and then, and the others sleep.

Whoever finds something wakes the next one, who looks at once: a hundred rows that fall due at one moment have all
workers within milliseconds, and a daemon that has nothing to do asks its journal once a second and not once a second
and worker. Where something was found, more is on its way: a rollout that lingers, or is looked at again. Then looks
come quicker for a while, so that what falls due is not late by a second each time.
"""

from __future__ import annotations

import threading

#: A worker that sleeps shows that it lives at least this often.
LONGEST_SLEEP = 60.0
#: So many looks come quickly after something was found.
_QUICK_LOOKS = 20
#: How much sooner they come than others.
_QUICKER = 4


class Lookout:
    """Shared by the worker threads of a process."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._wake = threading.Event()
        self._over = False
        self._quick = 0

    def wake(self) -> None:
        """There is, or may be, something to do: one worker looks now."""
        self._quick = _QUICK_LOOKS
        self._wake.set()

    def end(self) -> None:
        """Nobody sleeps any more."""
        self._over = True
        self._wake.set()

    def wait(self, seconds: float) -> None:
        """Returns when the caller should look: `seconds` after its turn has come, sooner where more is on its way.

        Or when it is woken.
        """
        if not self._over and self._turn.acquire(timeout=LONGEST_SLEEP):
            try:
                quick = self._quick > 0
                if not self._wake.wait(seconds / _QUICKER if quick else seconds) and quick:
                    self._quick -= 1
                if not self._over:
                    self._wake.clear()
            finally:
                self._turn.release()
