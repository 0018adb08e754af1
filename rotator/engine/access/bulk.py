"""Many secrets in a short time: one principal that takes what it can reach, however slowly each read looks alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rotator.model.access import Principal

#: So many principals are watched at a time; of more, the one that read least recently is forgotten.
_PRINCIPALS = 4096
#: People share the role that Identity Center gives them, and cannot choose their session's name: each counts alone.
_PEOPLE = "AWSReservedSSO_"


@dataclass(slots=True)
class _Reading:
    """What one principal has read: no more than there are secrets."""

    last: dict[str, datetime] = field(default_factory=dict)  # secret -> when it was read last
    told_at: datetime | None = None


class Bulk:
    """Counts the distinct secrets that each principal reads within a span."""

    def __init__(self, more_than: int, within: timedelta) -> None:
        self._more_than, self._within = more_than, within
        self._reading: dict[str, _Reading] = {}

    def read(self, principal: Principal, secrets: Iterable[str], at: datetime) -> tuple[str, ...]:
        """Notes a read. The secrets of the span, when they are too many and that was not said within it; else none."""
        reading = self._of(principal)
        for secret in secrets:
            reading.last[secret] = max(at, reading.last.get(secret, at))
        newest = max(reading.last.values(), default=at)
        reading.last = {name: when for name, when in reading.last.items() if newest - when <= self._within}
        if len(reading.last) <= self._more_than:
            return ()
        if reading.told_at is not None and newest - reading.told_at <= self._within:
            return ()
        reading.told_at = newest
        return tuple(sorted(reading.last))

    def _of(self, principal: Principal) -> _Reading:
        key = (
            f"{principal.name} {principal.session}" if principal.role.startswith(_PEOPLE) else principal.name
        )
        reading = self._reading.pop(key, None) or _Reading()
        self._reading[key] = reading  # the last in the order of insertion
        if len(self._reading) > _PRINCIPALS:
            del self._reading[next(iter(self._reading))]
        return reading
