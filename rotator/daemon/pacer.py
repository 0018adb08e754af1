"""Pacing by the journal: one rate per source account, shared by all replicas."""

from __future__ import annotations

from datetime import timedelta

from rotator.contracts.clock import Clock
from rotator.contracts.guard import guard
from rotator.contracts.journal import Journal

#: A longer wait than this is not sat out inside a claim.
_LONGEST_WAIT = timedelta(seconds=20)
#: Between two looks at whether the claim still stands and nobody wants us to stop.
_NAP = 0.5


class Unpaced:
    """Pacer for the few messages that may not ask the journal: nobody waits."""

    def pace(self, account: str, per_second: float, burst: int = 1) -> None:
        """At once."""

    def back_off(self, account: str, until: timedelta) -> None:
        """Whoever tries again later does so anyway."""


class JournalPacer:
    """Pacer that takes its slots from the journal."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal, self._clock = journal, clock

    def pace(self, account: str, per_second: float, burst: int = 1) -> None:
        """Waits for the account's next free moment; raises NotYet, and uses nothing up, when that is too far away.

        Raises LostClaim when the claim ends, or the daemon is asked to stop, while it waits.
        """
        wait = self._journal.reserve(account, per_second, burst, _LONGEST_WAIT)
        until = self._clock.monotonic() + wait.total_seconds()
        while (left := until - self._clock.monotonic()) > 0:
            self._clock.sleep(min(left, _NAP))
            guard()

    def back_off(self, account: str, until: timedelta) -> None:
        """Nobody calls the account before then."""
        self._journal.hold_account(account, self._journal.now() + until)
