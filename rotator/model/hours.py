"""When people are told: the times of a digest, and the hours in which only what is loud is said.

Both are of the wall clock of a time zone. Where clocks change, a time that is skipped comes as much later as was
skipped, and one that comes twice counts once, the first time.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

from rotator.model.alerts import Severity
from rotator.model.windows import DAYS


class DigestTimes(BaseModel):
    """When the digest goes out: a time of day, on some days of the week."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: time
    days: tuple[str, ...] = DAYS
    timezone: str = "UTC"

    def latest(self, now: datetime) -> datetime:
        """The last of them that is not after `now`. Raises ValueError where there is no day."""
        zone = ZoneInfo(self.timezone)
        today = now.astimezone(zone).date()
        for back in range(9):
            day = today - timedelta(days=back)
            moment = datetime.combine(day, self.at, zone).astimezone(UTC)
            if DAYS[day.weekday()] in self.days and moment <= now:
                return moment
        raise ValueError("a digest without a day")


class QuietHours(BaseModel):
    """A part of each day in which only `exceptions` are told; over midnight where it ends before it begins."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    begins: time
    ends: time
    timezone: str = "UTC"
    exceptions: tuple[Severity, ...] = (Severity.CRITICAL,)

    def over(self, now: datetime, loudness: Severity) -> datetime:
        """When something so loud may be told: `now`, or the end of the quiet hours that `now` is in."""
        if loudness in self.exceptions:
            return now
        zone = ZoneInfo(self.timezone)
        today = now.astimezone(zone).date()
        for day in (today - timedelta(days=1), today):
            until = day if self.ends > self.begins else day + timedelta(days=1)
            begins = datetime.combine(day, self.begins, zone).astimezone(UTC)
            ends = datetime.combine(until, self.ends, zone).astimezone(UTC)
            if begins <= now < ends:
                return ends
        return now
