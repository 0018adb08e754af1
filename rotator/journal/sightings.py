"""What was seen in records: each event counts once, and what one principal did on one day is one row.

Beside it stands who has read what before, so that a first time can be told. It has a bound: whoever calls AWS may be
anybody, and so may be many.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Delete,
    Double,
    Insert,
    bindparam,
    delete,
    func,
    select,
    type_coerce,
    update,
)
from sqlalchemy.sql.dml import ReturningInsert, ReturningUpdate

from rotator.contracts.access_log import KnownReads, Seen
from rotator.journal.columns import UNREADABLE, Moment
from rotator.journal.database import Section, seconds
from rotator.journal.tables import LEARNED, OPEN, UNJUDGED, access, known_read, sighting, start
from rotator.model.watch import Disposition, Sighting

_ALL: Final = select(sighting.c.sighting).order_by(sighting.c.last_at.desc(), sighting.c.identity)
_LISTINGS: Final = {True: _ALL.where(OPEN), False: _ALL}
_LEARNED: Final = _ALL.where(LEARNED)
_ONE: Final = select(sighting.c.sighting).where(sighting.c.identity == bindparam("key")).with_for_update()
_UPDATED: Final = update(sighting).where(sighting.c.identity == bindparam("key"))
#: So many pairs of principal and secret are remembered; whoever comes when it is full is not.
MOST_KNOWN: Final = 20_000
_KNOWN: Final = select(known_read.c.principal, known_read.c.secret, known_read.c.at).where(
    known_read.c.principal.in_(bindparam("principals", expanding=True))
)
_HOW_MANY: Final = select(func.count()).select_from(known_read)
#: The endings that are none.
_UNENDED: Final = (Disposition.OPEN, Disposition.LEARNED)


class Sightings(Section):
    """What a person should know of."""

    def note_judged(
        self,
        event_ids: Iterable[str],
        seen: Iterable[Seen],
        reads: Mapping[tuple[str, str], datetime] | None = None,
    ) -> int:
        """They are judged, and this is what was seen: both or nothing, and each event once; how many were judged."""
        ids = sorted(set(event_ids))
        if not ids:
            return 0
        with self._db.writing() as connection:
            ours = set(connection.execute(self._judge, {"ids": ids}).scalars())
            for one in _together(each.sighting for each in seen if each.event_id in ours):
                self._add_sighting(connection, one)
            if reads:
                self._remember(connection, reads)
        return len(ours)

    def known_reads(self, principals: Iterable[str]) -> KnownReads:
        """What these have read, as far as it is remembered."""
        with self._db.reading() as connection:
            rows = connection.execute(_KNOWN, {"principals": sorted(set(principals))}).all()
            complete = connection.execute(_HOW_MANY).scalar_one() < MOST_KNOWN
        return KnownReads({(row.principal, row.secret): row.at for row in rows}, complete)

    def sightings(self, *, unended: bool = True) -> Sequence[Sighting]:
        """Sightings, those seen last first; `unended` keeps open ones."""
        with self._db.reading() as connection:
            found = connection.execute(_LISTINGS[unended]).scalars().all()
        return [one for one in found if one is not UNREADABLE]

    def learned_sightings(self) -> Sequence[Sighting]:
        """What learning kept quiet and nobody has ended, those seen last first."""
        with self._db.reading() as connection:
            found = connection.execute(_LEARNED).scalars().all()
        return [one for one in found if one is not UNREADABLE]

    def end_sightings(self, identities: Iterable[str], disposition: Disposition, by: str = "") -> int:
        """Ends sightings that are open or learned; how many were."""
        ended = 0
        with self._db.writing() as connection:
            for identity in sorted(identities):
                one = connection.execute(_ONE, {"key": identity}).scalar_one_or_none()
                if isinstance(one, Sighting) and one.disposition in _UNENDED:
                    now = self._db.time(connection)
                    changes = {"disposition": disposition, "by": by, "ended_at": now}
                    connection.execute(
                        _UPDATED, {"key": identity, **_columns(one.model_copy(update=changes))}
                    )
                    ended += 1
        return ended

    def forget_accesses(
        self, records: timedelta, starts: timedelta, sightings: timedelta, reads: timedelta
    ) -> None:
        """Forgets records that were judged so long ago, starts, sightings that ended so long ago, and known reads."""
        with self._db.writing() as connection:
            for forget, span in zip(self._forget, (records, starts, sightings, reads), strict=True):
                connection.execute(forget, {"span": seconds(span)})

    def _remember(self, connection: Connection, reads: Mapping[tuple[str, str], datetime]) -> None:
        """Those that are known are known to be newer; of the others, as many as there is room for."""
        of = {"principals": sorted({principal for principal, _secret in reads})}
        known = {(row.principal, row.secret) for row in connection.execute(_KNOWN, of)}
        room = max(0, MOST_KNOWN - connection.execute(_HOW_MANY).scalar_one())
        kept = sorted([*(reads.keys() & known), *sorted(reads.keys() - known)[:room]])
        if kept:
            rows = [{"principal": one[0], "secret": one[1], "at": reads[one]} for one in kept]
            connection.execute(self._keep_read, rows)

    def _add_sighting(self, connection: Connection, one: Sighting) -> None:
        new = connection.execute(self._new_sighting, {"identity": one.identity, **_columns(one)})
        if new.scalar_one_or_none() is not None:
            return
        known = connection.execute(_ONE, {"key": one.identity}).scalar_one()
        joined = known.and_then(one) if isinstance(known, Sighting) else one
        connection.execute(_UPDATED, {"key": one.identity, **_columns(joined)})

    @cached_property
    def _judge(self) -> ReturningUpdate[Any]:
        return (
            update(access)
            .where(access.c.event_id.in_(bindparam("ids", expanding=True)), UNJUDGED)
            .values(judged_at=self._db.now)
            .returning(access.c.event_id)
        )

    @cached_property
    def _forget(self) -> Sequence[Delete]:
        before = type_coerce(self._db.seconds - bindparam("span", type_=Double), Moment)
        columns = (access.c.judged_at, start.c.at, sighting.c.ended_at, known_read.c.at)
        return [delete(column.table).where(column < before) for column in columns]

    @cached_property
    def _keep_read(self) -> Insert:
        new = self._db.insert(known_read)
        return new.on_conflict_do_update(
            index_elements=[known_read.c.principal, known_read.c.secret],
            set_={"at": new.excluded.at},
            where=new.excluded.at > known_read.c.at,
        )

    @cached_property
    def _new_sighting(self) -> ReturningInsert[Any]:
        """Returns its key where there was none: on PostgreSQL the count of such an insert did not tell."""
        new = self._db.insert(sighting).on_conflict_do_nothing(index_elements=[sighting.c.identity])
        return new.returning(sighting.c.identity)


def _together(seen: Iterable[Sighting]) -> list[Sighting]:
    """Those of one identity joined, in one order of locks for all replicas."""
    joined: dict[str, Sighting] = {}
    for one in seen:
        known = joined.get(one.identity)
        joined[one.identity] = known.and_then(one) if known else one
    return [joined[identity] for identity in sorted(joined)]


def _columns(one: Sighting) -> dict[str, Any]:
    return {
        "disposition": one.disposition.value,
        "last_at": one.last_at,
        "ended_at": one.ended_at,
        "sighting": one,
    }
