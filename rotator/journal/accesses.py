"""Records of who called what: on hold until they are judged, known for a day so that none is judged twice; and starts.

A source delivers a record at least once, in any order, and a hundred thousand may come at once. They wait in rows and
not in memory, and whoever judges takes a few hundred at a time. Two replicas that judge the same ones come to the same
end: an event counts for whoever marks it first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final

from sqlalchemy import Insert, ScalarSelect, Select, Subquery, Update, bindparam, func, select, update

from rotator.contracts.redeployer import Start
from rotator.journal.columns import UNREADABLE, Moment
from rotator.journal.database import Section, seconds
from rotator.journal.tables import UNJUDGED, access, start
from rotator.model.access import Access

_KNOWN: Final = select(access.c.event_id).where(access.c.event_id.in_(bindparam("ids", expanding=True)))
_STARTS: Final = (
    select(start.c.workload, start.c.role, start.c.at)
    .where(start.c.at >= bindparam("since", type_=Moment), start.c.at <= bindparam("until", type_=Moment))
    .order_by(start.c.at)
)
#: By the index alone: a flood of one principal asks for the same again and again.
_NEWEST: Final = (
    select(access.c.principal, access.c.what, func.max(access.c.at).label("at"))
    .where(
        access.c.principal.in_(bindparam("principals", expanding=True)),
        access.c.at >= bindparam("since", type_=Moment),
        access.c.at <= bindparam("until", type_=Moment),
    )
    .group_by(access.c.principal, access.c.what)
    .order_by(func.max(access.c.at).desc())
    .limit(bindparam("limit"))
    .subquery()
)
#: Those that are the first to ask for it.
_OLDEST: Final = (
    select(access.c.principal, access.c.what, func.min(access.c.at).label("at"))
    .where(
        access.c.principal.in_(bindparam("principals", expanding=True)),
        access.c.at > bindparam("after", type_=Moment),
        access.c.at <= bindparam("until", type_=Moment),
    )
    .group_by(access.c.principal, access.c.what)
    .order_by(func.min(access.c.at))
    .limit(bindparam("limit"))
    .subquery()
)
_ONE: Final = access.alias()


#: Of several in one second, one.
def _its_id(of: Subquery) -> ScalarSelect[Any]:
    asked = (_ONE.c.principal == of.c.principal, _ONE.c.what == of.c.what, _ONE.c.at == of.c.at)
    return select(_ONE.c.event_id).where(*asked).limit(1).correlate(of).scalar_subquery()


_NEWEST_OF_EACH: Final = (
    select(access.c.access).join(_NEWEST, access.c.event_id == _its_id(_NEWEST)).order_by(_NEWEST.c.at.desc())
)
_OLDEST_OF_EACH: Final = (
    select(access.c.access)
    .join(_OLDEST, access.c.event_id == _its_id(_OLDEST))
    .where(access.c.judged_at.is_not(None))
    .order_by(_OLDEST.c.at)
)


class Accesses(Section):
    """Records on hold, and what started."""

    def note_accesses(self, accesses: Iterable[Access], hold: timedelta) -> int:
        """Keeps those that are not known by their event id, to be judged `hold` after they happened; how many."""
        rows = {
            one.event_id: {
                "event_id": one.event_id,
                "at": one.at,
                "judge_at": one.at + hold,
                "principal": str(one.principal),
                "what": _what(one),
                "access": one,
            }
            for one in accesses
        }
        if not rows:
            return 0
        with self._db.writing() as connection:
            before = set(connection.execute(_KNOWN, {"ids": sorted(rows)}).scalars())
            new = [rows[event_id] for event_id in sorted(rows.keys() - before)]
            if new:
                connection.execute(self._keep_access, new)
        return len(new)

    def held_accesses(self, limit: int) -> Sequence[Access]:
        """Those whose hold is over and that nobody has judged, the oldest first."""
        with self._db.reading() as connection:
            found = connection.execute(self._held, {"limit": limit}).scalars().all()
        return [one for one in found if one is not UNREADABLE]

    def recent_accesses(
        self, principals: Iterable[str], since: datetime, until: datetime, limit: int
    ) -> Sequence[Access]:
        """What these principals did between two moments; of calls that ask for the same, the newest alone."""
        wanted = {"principals": sorted(set(principals)), "since": since, "until": until}
        with self._db.reading() as connection:
            found = connection.execute(_NEWEST_OF_EACH, {**wanted, "limit": limit}).scalars().all()
        return [one for one in found if one is not UNREADABLE]

    def later_accesses(
        self, principals: Iterable[str], after: datetime, until: datetime, limit: int
    ) -> Sequence[Access]:
        """What they did after one moment and up to another, judged already; of the same calls, the oldest alone."""
        wanted = {"principals": sorted(set(principals)), "after": after, "until": until, "limit": limit}
        with self._db.reading() as connection:
            found = connection.execute(_OLDEST_OF_EACH, wanted).scalars().all()
        return [one for one in found if one is not UNREADABLE]

    def hold_longer(self, event_ids: Iterable[str], hold: timedelta) -> None:
        """They are judged no sooner than `hold` from now."""
        rows = [{"key": event_id, "lease": seconds(hold)} for event_id in sorted(event_ids)]
        if rows:
            with self._db.writing() as connection:
                connection.execute(self._hold_access, rows)

    def note_starts(self, starts: Iterable[Start]) -> None:
        """Keeps starts; one that is known is known once."""
        rows = sorted({(one.workload, one.role, one.at) for one in starts})
        if rows:
            kept = [{"workload": workload, "role": role, "at": at} for workload, role, at in rows]
            with self._db.writing() as connection:
                connection.execute(self._keep_start, kept)

    def starts(self, since: datetime, until: datetime) -> Sequence[Start]:
        """Starts between two moments, both included, the oldest first."""
        with self._db.reading() as connection:
            rows = connection.execute(_STARTS, {"since": since, "until": until}).all()
        return [Start(row.workload, row.role, row.at) for row in rows]

    @cached_property
    def _held(self) -> Select[Any]:
        due = select(access.c.access).where(UNJUDGED, access.c.judge_at <= self._db.now)
        return due.order_by(access.c.judge_at).limit(bindparam("limit"))

    @cached_property
    def _keep_access(self) -> Insert:
        return self._db.insert(access).on_conflict_do_nothing(index_elements=[access.c.event_id])

    @cached_property
    def _keep_start(self) -> Insert:
        return self._db.insert(start).on_conflict_do_nothing()

    @cached_property
    def _hold_access(self) -> Update:
        return (
            update(access)
            .where(access.c.event_id == bindparam("key"), UNJUDGED)
            .values(judge_at=self._db.after("lease"))
        )


def _what(one: Access) -> str:
    """A short name of all that it asked for and how that ended."""
    tree = (one.subtree.path, one.subtree.recursive) if one.subtree else ()
    asked = sorted((each.parameter, each.version or 0, each.label) for each in one.asked)
    return hashlib.sha256(repr((one.api, one.outcome.value, asked, tree)).encode()).hexdigest()[:24]
