"""The daemon's side of the heartbeat: what this process knows, put beside what the journal knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from rotator.daemon.installation import Installation
from rotator.daemon.troubles import Troubles
from rotator.engine.heartbeat import LATE, Process, beat
from rotator.engine.routing import addresses

_WHAT = "the heartbeat"


class Heartbeat:
    """One process's. `rejected` says why policies.yaml is not in force, `stuck` who of the process does not move."""

    def __init__(
        self,
        parts: Installation,
        troubles: Troubles,
        rejected: Callable[[], str],
        stuck: Callable[[], Sequence[str]],
        scan_every: timedelta,
        ahead: Callable[[], timedelta],
    ) -> None:
        self._parts, self._troubles = parts, troubles
        self._rejected, self._stuck, self._scan_every, self._ahead = rejected, stuck, scan_every, ahead

    def look(self) -> None:
        """Lets the outside hear if all is well and it is time; says in the log why not. Raises what it raises."""
        policies = self._parts.policies()
        if policies.alerts.heartbeat is None:
            self._troubles.ended(_WHAT)
            return
        quiet = beat(self._parts.journal, policies, self._parts.outside(), self.process())
        if quiet is not None:
            self._troubles.arose(_WHAT, f"nobody outside is told that all is well: {quiet.sentence}")
        else:
            self._troubles.ended(_WHAT)

    def process(self) -> Process:
        """What is not in the journal."""
        policies, channels = self._parts.policies(), self._parts.channels()
        reachable = bool(addresses(policies, channels, [policies.default_owner]))
        bugs = self._troubles.bugs(LATE)
        return Process(self._rejected(), self._stuck(), reachable, self._scan_every, bugs, self._ahead())
