"""When workloads started: a role that may read near a start of its workload was expected then, whoever caused it."""

from __future__ import annotations

from bisect import bisect_right
from datetime import datetime, timedelta

from rotator.contracts.redeployer import Start

#: A platform may show a start a little after what started has begun to read.
EARLY = timedelta(minutes=2)


class Starts:
    """Starts by environment and role. A role is known by its name, or by its ARN where the platform tells that."""

    def __init__(self) -> None:
        self._moments: dict[tuple[str, str], list[tuple[datetime, str]]] = {}

    def add(self, start: Start) -> None:
        """Remembers a start, once; one without a role expects nothing."""
        if start.role:
            moments = self._moments.setdefault((start.environment, start.role), [])
            moment = (start.at, start.workload)
            if (place := bisect_right(moments, moment)) == 0 or moments[place - 1] != moment:
                moments.insert(place, moment)

    def forget_before(self, moment: datetime) -> None:
        """So that memory has a bound."""
        for key, moments in list(self._moments.items()):
            del moments[: bisect_right(moments, (moment, ""))]
            if not moments:
                del self._moments[key]

    def near(self, environment: str, roles: tuple[str, ...], at: datetime, after: timedelta) -> bool:
        """Whether a workload with one of these roles started at most `after` before `at`, or right behind it."""
        for role in roles:
            moments = self._moments.get((environment, role), [])
            place = bisect_right(moments, (at - after, ""))
            if place < len(moments) and moments[place][0] <= at + EARLY:
                return True
        return False

    def last(self, environment: str, roles: tuple[str, ...], at: datetime) -> tuple[datetime, str] | None:
        """The last start before that, and of which workload; for people."""
        found = []
        for role in roles:
            moments = self._moments.get((environment, role), [])
            found += moments[max(0, bisect_right(moments, (at, "\U0010ffff")) - 1) :][:1]
        return max((one for one in found if one[0] <= at), default=None)
