"""Whether this machine's clock and the journal's agree. Where they do not, one of the two is wrong, and people hear it.

Every date of a rotation is by the journal's clock (PostgreSQL's own, where it is the journal); AWS, and whoever checks
a signature, goes by this machine's. Nobody can say from here which one is wrong. An embedded journal has no other one.
"""

from __future__ import annotations

from datetime import timedelta

import structlog

from rotator.daemon.installation import Installation
from rotator.daemon.own_word import OwnWord
from rotator.engine.clocks import ahead_of, apart
from rotator.journal.place import Place
from rotator.model.alerts import Alert, AlertKind, Severity

log = structlog.get_logger()


class ClockWatch:
    """One process's look at two clocks. `name` is the process as its log calls it."""

    def __init__(self, parts: Installation, place: Place, patience: timedelta, name: str) -> None:
        self._parts, self._place, self._patience, self._name = parts, place, patience, name
        self._apart_since: float | None = None
        self.ahead = timedelta()  # how far this machine's was ahead at the last look; negative: behind
        self._word = OwnWord(parts)

    def look(self) -> None:
        """Compares them; people are told if they have been apart for longer than patience. Raises JournalAway."""
        self.ahead = ahead_of(self._parts.clock, self._parts.journal)
        if not apart(self.ahead):
            self._apart_since = None
            self._word.over("the two clocks agree again")
            return
        now = self._parts.clock.monotonic()
        if self._apart_since is None:
            self._apart_since = now
        if now - self._apart_since >= self._patience.total_seconds() and self._word.so(self._alert()):
            log.error(
                "two clocks differ", seconds=round(self.ahead.total_seconds()), journal=self._place.name
            )

    def _alert(self) -> Alert:
        return Alert(
            identity=f"{AlertKind.UNREACHABLE.value}//clock/{self._name}",
            kind=AlertKind.UNREACHABLE,
            severity=Severity.WARNING,
            owner=self._parts.policies().default_owner,
            title="the clock of a machine that rotator runs on, or that of its journal, is wrong",
            facts={
                "What": apart(self.ahead),
                "Where": self._place.name,
                "Seen by": self._name,
                "Impact": "none yet: dates of rotations are by the journal's clock. AWS takes no request of a machine "
                "that is off by more than five minutes",
                "Next": "rotator compares them every few seconds, and goes on meanwhile",
            },
            action="see which of the two is wrong, and set it (NTP): date -u in the pod, SELECT now() in the database",
            opened_at=self._parts.clock.now(),
        )
