"""The database below the journal: its clock, its transactions, and how it fails.

Writes to SQLite queue in this process before they queue at the file: one thread that waits for a lock in memory is
cheap, and eight that poll for a lock on a file starve each other.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar, cast

from sqlalchemy import (
    Connection,
    Double,
    Engine,
    Table,
    bindparam,
    case,
    literal_column,
    select,
    type_coerce,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.pool import StaticPool
from sqlalchemy.sql.elements import ColumnElement

from rotator.journal.away import answering
from rotator.journal.columns import Moment
from rotator.journal.present import Present
from rotator.journal.stamp import Stamp

if TYPE_CHECKING:
    import sqlite3

T = TypeVar("T", datetime, float)


class _Begin(NamedTuple):
    """How a transaction begins. No driver begins one by itself."""

    to_write: str
    to_look: str


#: On SQLite one that will write takes the lock now: one that takes it later may fail in the middle.
_BEGINS: Final = {
    "sqlite": _Begin("BEGIN IMMEDIATE", "BEGIN"),
    "postgresql": _Begin("BEGIN", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
}
#: statement_timestamp() and not clock_timestamp(), which changes within a statement and so cannot use an index.
_CLOCKS: Final = {
    "postgresql": "extract(epoch FROM statement_timestamp())::float8",
    "sqlite": "round((julianday('now') - 2440587.5) * 86400.0, 3)",  # its own step, without the noise of days
}


def new_id() -> str:
    """An id that nobody can guess or has used before; short enough to be a label at any platform."""
    return secrets.token_hex(8)


class Database:
    """One engine, and the present as SQL: the database's clock, or a virtual one that is asked at each statement."""

    def __init__(
        self,
        engine: Engine,
        now: Callable[[], datetime] | None = None,
        new_id: Callable[[], str] = new_id,
        monotonic: Callable[[], float] | None = None,
    ) -> None:
        self.engine = engine
        self.holds = Stamp()
        self.present = Present(monotonic if now is None else None)
        self.new_id = new_id
        self.virtual = now
        self.now, self.seconds = _present(engine.dialect.name, now)
        self._time = select(self.now)
        self._alone = threading.RLock() if self.embedded else nullcontext()
        # A database in memory is one connection: kept open, and never used by two threads at once.
        self._only = engine.connect() if isinstance(engine.pool, StaticPool) else None

    @property
    def embedded(self) -> bool:
        """Whether this is SQLite."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection to look with, one statement at a time."""
        with answering():
            if self._only is not None:
                with self._alone, self._only.begin():
                    yield self._only
            else:
                with self.engine.connect() as connection:
                    yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A connection to look with, whose statements all see the same moment."""
        with self.reading() as connection:
            if self._only is None:
                begin(connection, _BEGINS[self.engine.dialect.name].to_look)
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction: all of it or nothing, once the block ends without an exception."""
        with answering(), self._alone:
            if self._only is not None:
                with self._only.begin():
                    begin(self._only, _BEGINS["sqlite"].to_write)
                    yield self._only
            else:
                with self.engine.begin() as connection:
                    begin(connection, _BEGINS[self.engine.dialect.name].to_write)
                    yield connection

    def stating(self) -> AbstractContextManager[Connection]:
        """A connection for one statement that writes: PostgreSQL needs neither BEGIN nor COMMIT around it."""
        return self.writing() if self.embedded else self.reading()

    def time(self, connection: Connection) -> datetime:
        """What time it is by the journal's clock."""
        return self.present.hear(connection.execute(self._time).scalar_one())

    def clock(self) -> datetime:
        """What time it is by the journal's clock; the database is asked only if it has said nothing for a second."""
        if self.virtual is not None:
            return self.virtual()
        known = self.present.now()
        if known is not None:
            return known
        with self.reading() as connection:
            return self.time(connection)

    def after(self, lease: str) -> ColumnElement[datetime]:
        """The present plus the seconds of the parameter `lease`."""
        return type_coerce(self.seconds + bindparam(lease, type_=Double), Moment)

    def insert(self, table: Table) -> postgresql.Insert | sqlite.Insert:
        """An INSERT that knows ON CONFLICT."""
        return sqlite.insert(table) if self.embedded else postgresql.insert(table)

    def serialize(self) -> bytes:
        """A database in memory, as the bytes of its file."""
        with self._alone:
            return self._memory.serialize()

    def deserialize(self, content: bytes) -> None:
        """Puts another content into a database in memory; what was remembered of the one before is forgotten."""
        with self._alone:
            self._memory.deserialize(content)
            self.holds = Stamp()

    @property
    def _memory(self) -> sqlite3.Connection:
        assert self._only is not None, "only a database in memory is copied as a whole"
        return driver(self._only)

    def close(self) -> None:
        """Lets go of every connection."""
        if self._only is not None:
            self._only.close()
        self.engine.dispose()


class Section:
    """One concern of the journal, on the shared database."""

    def __init__(self, database: Database) -> None:
        self._db = database


def _present(
    dialect: str, now: Callable[[], datetime] | None
) -> tuple[ColumnElement[datetime], ColumnElement[float]]:
    """The present as a moment, and as seconds to calculate with."""
    if now is None:
        return literal_column(_CLOCKS[dialect], Moment), literal_column(_CLOCKS[dialect], Double)
    return (
        bindparam("now", callable_=now, type_=Moment),
        bindparam("now_seconds", callable_=lambda: now().timestamp(), type_=Double),
    )


def later(one: ColumnElement[T], other: ColumnElement[T]) -> ColumnElement[T]:
    """The later of two moments, in SQL that both databases speak."""
    return case((one > other, one), else_=other)


def begin(connection: Connection, word: str) -> None:
    """Begins a transaction as meant; without it each statement is one of its own."""
    if connection.dialect.name == "sqlite":
        driver(connection).execute(word)
    else:  # through SQLAlchemy, which leaves a connection that turns out to be dead
        connection.exec_driver_sql(word)


def driver(connection: Connection) -> sqlite3.Connection:
    """SQLite's own connection below SQLAlchemy's."""
    return cast("sqlite3.Connection", connection.connection.dbapi_connection)


def seconds(span: timedelta) -> float:
    """A span as the database counts it."""
    return span.total_seconds()
