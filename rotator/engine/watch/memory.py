"""Who has read what before, so that people are told of a first time: a note in an alert, never an alert by itself.

A principal that reads a secret which it has not read for a month is the one thing that other tools alert about. Here
the rules of access.allow say what is expected; that something is new helps whoever reads about what is not.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from rotator.contracts.journal import Journal
from rotator.engine.access.judge import Judge
from rotator.model.access import Access, Act, Outcome

#: So long a read makes the next one no first.
_LONG = timedelta(days=30)
#: Before that much is remembered, everything is new and nothing is said.
_ENOUGH = timedelta(days=1)
#: What is read again within it costs no write, so what is written down may be so much too early.
_A_DAY = timedelta(days=1)
#: So long it is remembered.
REMEMBERED = _LONG + _A_DAY
#: So many pairs of principal and secret are looked at for one piece of records.
_AT_ONCE = 5000


class Memory:
    """What is remembered of the principals of one piece of records, and what these add to it."""

    def __init__(self, journal: Journal, accesses: Iterable[Access], since: datetime | None) -> None:
        """`since`: from when on anything is remembered."""
        known = journal.known_reads({str(one.principal) for one in accesses})
        self._last, self._since = dict(known.last), since if known.complete else None
        self.news: dict[tuple[str, str], datetime] = {}  # to be remembered

    def first_since(self, access: Access) -> datetime | None:
        """From when on it is known what was read before this; None where that is not long enough."""
        if self._since is None or access.at - self._since < _ENOUGH:
            return None
        return max(self._since, access.at - _LONG)

    def read(self, access: Access, judge: Judge) -> tuple[str, ...]:
        """Notes a read; the secrets that its principal had not read before, sorted."""
        if access.outcome is not Outcome.DONE or access.act is Act.WRITE:
            return ()
        firsts = list[str]()
        for touched in judge.touched(access):
            pair = (str(access.principal), touched.place.secret)
            last = self._last.get(pair)
            if last is None or access.at - last > REMEMBERED:
                firsts.append(pair[1])
            if (last is None or access.at - last > _A_DAY) and len(self.news) < _AT_ONCE:
                self._last[pair] = self.news[pair] = access.at
        return tuple(sorted(firsts)) if self.first_since(access) else ()
