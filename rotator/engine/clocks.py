"""Two clocks: this machine's and the journal's. Nobody can say from here which one is wrong; how far they are apart is.

Every date of a rotation is by the journal's clock; AWS, and whoever checks a signature, goes by the machine's.
"""

from __future__ import annotations

from datetime import timedelta

from rotator.contracts.clock import Clock
from rotator.contracts.record import Record
from rotator.engine.ages import spell

#: More than this is told; what NTP keeps is a hundred times better.
BOUND = timedelta(seconds=30)


def ahead_of(clock: Clock, journal: Record) -> timedelta:
    """How far the machine's is ahead of the journal's at least: an answer may be as old as the question."""
    asked, there, heard = clock.now(), journal.now(), clock.now()
    return max(asked - there, timedelta()) + min(heard - there, timedelta())


def apart(ahead: timedelta) -> str:
    """A sentence about it; empty where they agree."""
    if abs(ahead) <= BOUND:
        return ""
    which = "ahead of" if ahead > timedelta() else "behind"
    return f"the machine's clock is {spell(abs(ahead))} {which} the journal's"
