"""When work that restarts or invalidates is allowed: windows of the week and freezes, each with its own time zone."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Window(BaseModel):
    """Hours of the week, e.g. mon to thu 09:30 to 16:00 in Europe/Warsaw. `always` is open at any time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    always: bool = False
    days: tuple[str, ...] = DAYS
    opens: time = time(0)
    closes: time = time(0)  # midnight means the end of the day
    timezone: str = "UTC"

    def next_open(self, at: datetime) -> datetime:
        """The first moment at or after `at` in which the window is open."""
        if self.always:
            return at
        zone = ZoneInfo(self.timezone)
        local = at.astimezone(zone)
        for ahead in range(-1, 9):  # yesterday's may still be open after midnight
            day = (local + timedelta(days=ahead)).date()
            if DAYS[day.weekday()] not in self.days:
                continue
            opens = datetime.combine(day, self.opens, zone)
            until = day if self.closes > self.opens else day + timedelta(days=1)
            closes = datetime.combine(until, self.closes, zone)
            if at < closes:
                return max(at, opens.astimezone(at.tzinfo))
        raise ValueError(f"window {self.name} never opens")


class Freeze(BaseModel):
    """A span in which nothing is restarted or invalidated."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    begins: datetime
    ends: datetime
    reason: str = ""


def next_allowed(at: datetime, windows: tuple[Window, ...], freezes: tuple[Freeze, ...]) -> datetime:
    """The first moment at or after `at` that some window allows and no freeze forbids. No windows: any time.

    Raises ValueError when no moment in the next two years qualifies.
    """
    horizon = at + timedelta(days=730)
    while at < horizon:
        opened = min((window.next_open(at) for window in windows), default=at)
        frozen = [freeze.ends for freeze in freezes if freeze.begins <= opened < freeze.ends]
        if not frozen:
            return opened
        at = max(frozen)
    raise ValueError("no window is open outside the freezes in the next two years")
