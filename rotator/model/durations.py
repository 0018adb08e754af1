"""Durations as people write them in policies and settings: 90d, 12h, 1w, 1d12h. Never a bare number.

The units are those of Prometheus up to the week; months and years have no fixed length.
"""

from __future__ import annotations

import re
from datetime import timedelta
from functools import lru_cache

_UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_WHOLE = "".join(rf"(?:(?P<{unit}>\d{{1,6}}){unit})?" for unit in "wdhm")
_DURATION = re.compile(_WHOLE + r"(?:(?P<s>\d{1,6}(?:\.\d{1,3})?)s)?")


@lru_cache(maxsize=4096)
def parse_duration(text: str) -> timedelta:
    """The duration that `text` spells, largest unit first; only seconds may have a fraction. Raises ValueError."""
    found = _DURATION.fullmatch(text)
    if found is None or not text:
        raise ValueError("is no duration; write it with units, largest first: 90d, 12h, 1w, 1d12h, 30m, 45s")
    parts = found.groupdict(default="0")
    return timedelta(seconds=sum(float(parts[unit]) * seconds for unit, seconds in _UNITS.items()))


def spell_duration(duration: timedelta) -> str:
    """How to write it, days first, e.g. 1d12h; fractions of a second are dropped."""
    left, words = int(duration.total_seconds()), []
    for unit, seconds in _UNITS.items():
        if unit != "w":
            count, left = divmod(left, seconds)
            words.append(f"{count}{unit}" if count else "")
    return "".join(words) or "0s"
