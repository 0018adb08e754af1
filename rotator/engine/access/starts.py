"""When workloads started: a role that may read near a start of its workload was expected then, whoever caused it."""

from __future__ import annotations

from bisect import bisect_right
from datetime import datetime, timedelta

from rotator.contracts.redeployer import Start

#: A platform may show a start a little after what started has begun to read.
EARLY = timedelta(minutes=2)
#: So long after a start a rule that says nothing else allows reads.
SLACK = timedelta(minutes=15)


class Starts:
    """Starts by environment and role. A role counts by its name: of one platform some tell the ARN, some the name."""

    def __init__(self) -> None:
        self._moments: dict[tuple[str, str], list[tuple[datetime, str]]] = {}

    def add(self, start: Start) -> None:
        """Remembers a start, once; one without a role expects nothing."""
        if role := start.role.rpartition("/")[2]:
            moments = self._moments.setdefault((start.environment, role), [])
            moment = (start.at, start.workload)
            if (place := bisect_right(moments, moment)) == 0 or moments[place - 1] != moment:
                moments.insert(place, moment)

    def near(self, environment: str, role: str, at: datetime, after: timedelta) -> bool:
        """Whether a workload with that role started at most `after` before `at`, or right behind it."""
        moments = self._moments.get((environment, role), [])
        place = bisect_right(moments, (at - after, ""))
        return place < len(moments) and moments[place][0] <= at + EARLY

    def last(self, environment: str, role: str, at: datetime) -> tuple[datetime, str] | None:
        """The last start before that, and of which workload; for people."""
        moments = self._moments.get((environment, role), [])
        place = bisect_right(moments, at, key=lambda one: one[0])
        return moments[place - 1] if place else None
