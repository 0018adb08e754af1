"""How far the sources of records have been read. One replica at a time reads a source; the row says which."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from typing import Any, Final

from sqlalchemy import Insert, bindparam, or_, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from rotator.journal.columns import UNREADABLE
from rotator.journal.database import Section, seconds
from rotator.journal.tables import watch
from rotator.model.errors import LostClaim
from rotator.model.watch import Watch

_OF_SOURCE: Final = watch.c.source == bindparam("key")
_KNOWN: Final = select(watch.c.watch).where(_OF_SOURCE)
_NOTED: Final = update(watch).where(_OF_SOURCE, watch.c.owner == bindparam("known_owner"))


class Watches(Section):
    """Sources of records."""

    def watch(self, source: str) -> Watch | None:
        """How far a source has been read; None before the first look."""
        with self._db.reading() as connection:
            found = connection.execute(_KNOWN, {"key": source}).scalar_one_or_none()
        return found if isinstance(found, Watch) else None

    def take_watch(self, source: str, owner: str, lease: timedelta) -> Watch | None:
        """Takes the source's turn, or keeps it for longer; None while somebody else has it.

        What a newer version wrote and this one cannot read is begun anew: no record is missed by it.
        """
        with self._db.writing() as connection:
            connection.execute(self._new_watch, {"key": source})
            taken = {"key": source, "claimer": owner, "lease": seconds(lease)}
            rows = connection.execute(self._take_watch, taken).all()
            now = self._db.time(connection)
        if not rows:
            return None
        known = rows[0].watch
        if known is None or known is UNREADABLE:
            return Watch(source=source, since=now, looked_at=now)
        return known if isinstance(known, Watch) else None

    def note_watch(self, watch: Watch, owner: str) -> None:
        """Writes how far it has been read. Raises LostClaim when the turn is no longer ours."""
        noted = {"key": watch.source, "known_owner": owner, "watch": watch}
        with self._db.writing() as connection:
            if connection.execute(_NOTED, noted).rowcount == 0:
                raise LostClaim(f"another replica reads {watch.source} by now")

    @cached_property
    def _new_watch(self) -> Insert:
        return self._db.insert(watch).values(source=bindparam("key")).on_conflict_do_nothing()

    @cached_property
    def _take_watch(self) -> ReturningUpdate[Any]:
        free = or_(
            watch.c.owner.is_(None),
            watch.c.owner == bindparam("claimer"),
            watch.c.claim_until <= self._db.now,
        )
        return (
            update(watch)
            .where(_OF_SOURCE, free)
            .values(owner=bindparam("claimer"), claim_until=self._db.after("lease"))
            .returning(watch.c.watch)
        )
