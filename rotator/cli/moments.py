"""Moments to come as people type them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from rotator.cli.opening import Unusable
from rotator.model.durations import parse_duration

_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def moment_from(typed: str, now: datetime, option: str) -> datetime:
    """A duration from now, the end of a day, or a moment (in UTC unless it says otherwise).

    Raises Unusable, which names the option as it was given.
    """
    try:
        if _DATE.fullmatch(typed):
            day = date.fromisoformat(typed) + timedelta(days=1)
            return datetime(day.year, day.month, day.day, tzinfo=UTC)
        if typed[4:5] == "-":
            moment = datetime.fromisoformat(typed)
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return now + parse_duration(typed)
    except (ValueError, OverflowError):
        raise Unusable(f"{option} is neither a duration (3d, 12h) nor a date (2027-01-31)") from None
