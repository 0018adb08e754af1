"""One rate per source account, shared by all replicas: GCRA, in one statement.

The row knows when the account's bucket is empty again (`full_at`, the theoretical arrival time). A reservation moves
it on by one interval and is told its own moment: so callers line up, and nobody has to try again.
https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm, virtual scheduling.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Final

from sqlalchemy import Double, Insert, bindparam, type_coerce
from sqlalchemy.sql.dml import ReturningInsert

from rotator.journal.database import Section, later
from rotator.journal.tables import source_rate

_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Rates(Section):
    """When an account may be called next."""

    def reserve(self, account: str, per_second: float, burst: int) -> timedelta:
        """Takes the account's next slot (GCRA) and returns how long to wait until it.

        `burst` calls may come at once after a pause; then one each `1 / per_second` seconds.
        """
        interval = 1 / per_second
        slot = {"account": account, "interval": interval, "tolerance": (burst - 1) * interval}
        with self._db.writing() as connection:
            wait = connection.execute(self._reserve, slot).scalar_one()
        return timedelta(seconds=max(0.0, wait))

    def hold_account(self, account: str, until: datetime) -> None:
        """Nobody calls the account before `until`."""
        with self._db.writing() as connection:
            connection.execute(self._hold, {"account": account, "held_until": until})

    @cached_property
    def _reserve(self) -> ReturningInsert[Any]:
        interval, tolerance = bindparam("interval", type_=Double), bindparam("tolerance", type_=Double)
        now = self._db.seconds
        full_at, held_until = (
            type_coerce(moment, Double) for moment in (source_rate.c.full_at, source_rate.c.held_until)
        )
        slot = later(later(now, held_until), full_at - interval - tolerance)
        return (
            self._db.insert(source_rate)
            .values(full_at=now + interval, held_until=_NEVER)
            .on_conflict_do_update(
                index_elements=[source_rate.c.account],
                set_={source_rate.c.full_at: later(later(now, held_until), full_at) + interval},
            )
            .returning(slot - now)
        )

    @cached_property
    def _hold(self) -> Insert:
        insert = self._db.insert(source_rate).values(full_at=_NEVER)
        held_until = later(source_rate.c.held_until, insert.excluded.held_until)
        return insert.on_conflict_do_update(
            index_elements=[source_rate.c.account], set_={source_rate.c.held_until: held_until}
        )
