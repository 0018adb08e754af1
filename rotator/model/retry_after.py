"""Retry-After: the far side's own word for when to come back, in seconds (RFC 9110, section 10.2.3).

It is believed up to a day: whoever answers, or stands in between, must not be able to hold a rotation for years. The
header's other form, a date, is sent by none of those that rotator talks to.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

#: Nobody is left alone for longer because of its own word.
LONGEST = timedelta(days=1)
_DIGITS = len(str(round(LONGEST.total_seconds())))
_MOMENT_DIGITS = 12  # the year 9999 has as many


def pause_asked(headers: Mapping[str, str]) -> timedelta | None:
    """What an answer's headers ask for. Their names have no case; where a mapping has one, it is the lower."""
    return pause(headers.get("retry-after", ""))


def pause(seconds: str) -> timedelta | None:
    """What the header says; None where it says no number of seconds."""
    if not (seconds.isascii() and seconds.isdigit()):
        return None
    return believed(timedelta(seconds=int(seconds))) if len(seconds) <= _DIGITS else LONGEST


def until(moment: str, now: datetime) -> timedelta | None:
    """The same for headers that say when a quota is filled again, in seconds since 1970: a second at least."""
    if not (moment.isascii() and moment.isdigit()):
        return None
    return pause(str(max(int(moment[:_MOMENT_DIGITS]) - round(now.timestamp()), 1)))


def believed(said: timedelta) -> timedelta:
    """As much of it as is waited for."""
    return min(said, LONGEST)
