"""One rate per source account, shared by all replicas: GCRA, in one statement.

The row knows when the account's bucket is empty again (`full_at`, the theoretical arrival time). A reservation moves
it on by one interval and is told its own moment: so callers line up, and nobody has to try again. Who would not wait
so long moves nothing: a call that is not made uses up nothing.
https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm, virtual scheduling.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Final

from sqlalchemy import ColumnElement, Double, Insert, Select, bindparam, select, type_coerce
from sqlalchemy.sql.dml import ReturningInsert

from rotator.journal.columns import Moment
from rotator.journal.database import Section, later, seconds
from rotator.journal.tables import source_rate
from rotator.model.errors import NotYet

_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FULL_AT: Final = type_coerce(source_rate.c.full_at, Double)
_HELD_UNTIL: Final = type_coerce(source_rate.c.held_until, Double)
_INTERVAL: Final = bindparam("interval", type_=Double)
_TOLERANCE: Final = bindparam("tolerance", type_=Double)
_LONGEST: Final = bindparam("longest", type_=Double)


class Rates(Section):
    """When an account may be called next."""

    def reserve(self, account: str, per_second: float, burst: int, longest: timedelta) -> timedelta:
        """Takes the account's next slot (GCRA) and returns how long to wait until it.

        `burst` calls may come at once after a pause; then one each `1 / per_second` seconds. Raises NotYet, and takes
        nothing, when the wait would be longer than `longest`.
        """
        interval = 1 / per_second
        wanted = {"account": account, "interval": interval, "tolerance": (burst - 1) * interval}
        with self._db.writing() as connection:
            wait = connection.execute(
                self._take, {**wanted, "longest": seconds(longest)}
            ).scalar_one_or_none()
            if wait is None:
                raise NotYet(f"{account} is busy", connection.execute(self._look, wanted).scalar_one())
        return timedelta(seconds=max(0.0, wait))

    def hold_account(self, account: str, until: datetime) -> None:
        """Nobody calls the account before `until`."""
        with self._db.writing() as connection:
            connection.execute(self._hold, {"account": account, "held_until": until})

    def held_until(self, account: str) -> datetime | None:
        """Before when nobody calls the account, also when that has passed; None where nobody ever said."""
        asked = select(source_rate.c.held_until).where(source_rate.c.account == account)
        with self._db.reading() as connection:
            found: datetime | None = connection.execute(asked).scalar_one_or_none()
        return None if found == _NEVER else found

    @cached_property
    def _take(self) -> ReturningInsert[Any]:
        """Moves the row on and returns the wait; no row where that would be too long."""
        now = self._db.seconds
        return (
            self._db.insert(source_rate)
            .values(full_at=now + _INTERVAL, held_until=_NEVER)
            .on_conflict_do_update(
                index_elements=[source_rate.c.account],
                set_={source_rate.c.full_at: later(later(now, _HELD_UNTIL), _FULL_AT) + _INTERVAL},
                where=self._slot(_FULL_AT) - now <= _LONGEST,
            )
            .returning(self._slot(_FULL_AT - _INTERVAL) - now)  # what is returned has moved on already
        )

    @cached_property
    def _look(self) -> Select[Any]:
        free_at = type_coerce(self._slot(_FULL_AT), Moment)
        return select(free_at).where(source_rate.c.account == bindparam("account"))

    def _slot(self, full_at: ColumnElement[float]) -> ColumnElement[float]:
        """The next slot of an account whose bucket is empty at `full_at`."""
        return later(later(self._db.seconds, _HELD_UNTIL), full_at - _TOLERANCE)

    @cached_property
    def _hold(self) -> Insert:
        insert = self._db.insert(source_rate).values(full_at=_NEVER)
        held_until = later(source_rate.c.held_until, insert.excluded.held_until)
        return insert.on_conflict_do_update(
            index_elements=[source_rate.c.account], set_={source_rate.c.held_until: held_until}
        )
