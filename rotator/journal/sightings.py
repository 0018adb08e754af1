"""What was seen in records: each event counts once, and what one principal did on one day is one row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import cached_property
from typing import Any, Final

from sqlalchemy import Connection, Delete, Double, Insert, bindparam, delete, select, type_coerce, update
from sqlalchemy.sql.dml import ReturningUpdate

from rotator.contracts.access_log import Seen
from rotator.journal.columns import UNREADABLE, Moment
from rotator.journal.database import Section, seconds
from rotator.journal.tables import OPEN, UNJUDGED, access, sighting, start
from rotator.model.watch import Disposition, Sighting

_ALL: Final = select(sighting.c.sighting).order_by(sighting.c.last_at.desc(), sighting.c.identity)
_LISTINGS: Final = {True: _ALL.where(OPEN), False: _ALL}
_ONE: Final = select(sighting.c.sighting).where(sighting.c.identity == bindparam("key")).with_for_update()
_UPDATED: Final = update(sighting).where(sighting.c.identity == bindparam("key"))


class Sightings(Section):
    """What a person should know of."""

    def note_judged(self, event_ids: Iterable[str], seen: Iterable[Seen]) -> int:
        """They are judged, and this is what was seen: both or nothing, and each event once; how many were judged."""
        ids = sorted(set(event_ids))
        if not ids:
            return 0
        with self._db.writing() as connection:
            ours = set(connection.execute(self._judge, {"ids": ids}).scalars())
            for one in _together(each.sighting for each in seen if each.event_id in ours):
                self._add_sighting(connection, one)
        return len(ours)

    def sightings(self, *, unended: bool = True) -> Sequence[Sighting]:
        """Sightings, those seen last first; `unended` keeps open ones."""
        with self._db.reading() as connection:
            found = connection.execute(_LISTINGS[unended]).scalars().all()
        return [one for one in found if one is not UNREADABLE]

    def end_sightings(self, identities: Iterable[str], disposition: Disposition, by: str = "") -> int:
        """Ends open sightings; how many were."""
        ended = 0
        with self._db.writing() as connection:
            for identity in sorted(identities):
                one = connection.execute(_ONE, {"key": identity}).scalar_one_or_none()
                if isinstance(one, Sighting) and one.disposition is Disposition.OPEN:
                    now = self._db.time(connection)
                    changes = {"disposition": disposition, "by": by, "ended_at": now}
                    connection.execute(
                        _UPDATED, {"key": identity, **_columns(one.model_copy(update=changes))}
                    )
                    ended += 1
        return ended

    def forget_accesses(self, records: timedelta, starts: timedelta, sightings: timedelta) -> None:
        """Forgets records that were judged so long ago, starts, and sightings that ended so long ago."""
        with self._db.writing() as connection:
            for forget, span in zip(self._forget, (records, starts, sightings), strict=True):
                connection.execute(forget, {"span": seconds(span)})

    def _add_sighting(self, connection: Connection, one: Sighting) -> None:
        if connection.execute(self._new_sighting, {"identity": one.identity, **_columns(one)}).rowcount == 1:
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
        columns = (access.c.judged_at, start.c.at, sighting.c.ended_at)
        return [delete(column.table).where(column < before) for column in columns]

    @cached_property
    def _new_sighting(self) -> Insert:
        return self._db.insert(sighting).on_conflict_do_nothing(index_elements=[sighting.c.identity])


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
