"""The journal as a whole, and how it is opened."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from rotator.journal import postgresql, sqlite
from rotator.journal.accesses import Accesses
from rotator.journal.alerts import Alerts
from rotator.journal.chain import Stories
from rotator.journal.checkpoints import Checkpoints
from rotator.journal.company import Company
from rotator.journal.database import Database, new_id
from rotator.journal.heads import Heads
from rotator.journal.holds import HeldBack
from rotator.journal.identity import Identity, found
from rotator.journal.lockfile import LockFile
from rotator.journal.lookups import Lookups
from rotator.journal.migrations import migrate
from rotator.journal.observations import Observations
from rotator.journal.policies import PolicyVersions
from rotator.journal.rates import Rates
from rotator.journal.renewals import Renewals
from rotator.journal.requests import Requests
from rotator.journal.rollouts import Rollouts
from rotator.journal.rotations import Rotations
from rotator.journal.sightings import Sightings
from rotator.journal.tables import metadata
from rotator.journal.tallies import Counts
from rotator.journal.watches import Watches
from rotator.model.errors import Refused

_WANTED: Final = "give it as sqlite:///PATH or postgresql://USER@HOST/DATABASE"


class SqlJournal(
    Identity,
    Rotations,
    Checkpoints,
    Lookups,
    Company,
    Stories,
    Rollouts,
    Renewals,
    Requests,
    Observations,
    HeldBack,
    PolicyVersions,
    Alerts,
    Watches,
    Accesses,
    Sightings,
    Rates,
    Heads,
    Counts,
):
    """rotator.contracts.journal.Journal on SQLite or PostgreSQL; shared by all threads of a process."""

    def __init__(self, database: Database, lock: LockFile | None = None) -> None:
        super().__init__(database)
        self._lock = lock

    def close(self) -> None:
        """Lets go of the database, and then of the lock on its file."""
        self._db.close()
        if self._lock is not None:
            self._lock.release()


class MemoryJournal(SqlJournal):
    """A journal in memory, which can be set back as a whole."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._fresh = self.snapshot()

    def snapshot(self) -> bytes:
        """All that it knows now."""
        return self._db.serialize()

    def restore(self, snapshot: bytes) -> None:
        """Knows what it knew then, and nothing since."""
        self._db.deserialize(snapshot)

    def reset(self) -> None:
        """Knows nothing but its id: cheaper than a new one."""
        self.restore(self._fresh)


def open_journal(
    url: str,
    *,
    daemon: bool,
    now: Callable[[], datetime] | None = None,
    monotonic: Callable[[], float] | None = None,
) -> SqlJournal:
    """Opens the journal at an SQLAlchemy URL, `sqlite:///PATH` or `postgresql://…`, and brings its tables up to date.

    On SQLite, `daemon` takes the file's exclusive lock for the life of the process and gives back what its dead
    predecessor had claimed; other openers only look and ask. `now` is a virtual clock, instead of the database's.
    With a `monotonic` clock the database is not asked for the time at each look at it.

    Raises Refused (an address we cannot work with), JournalBusy (another daemon holds the file) or JournalAway.
    """
    try:
        address = make_url(url)
    except ArgumentError:
        raise Refused(f"the journal's address is not a URL: {_WANTED}") from None
    match address.get_backend_name():
        case "postgresql":
            return _on_postgresql(Database(postgresql.engine_at(address), now, monotonic=monotonic))
        case "sqlite" if sqlite.in_memory(address):
            return open_memory_journal(now=now)
        case "sqlite":
            path = Path(str(address.database))
            return _on_file(path, Database(sqlite.file_engine(path), now, monotonic=monotonic), daemon=daemon)
        case other:
            raise Refused(f"the journal cannot live in {other}: {_WANTED}")


def open_memory_journal(
    *, now: Callable[[], datetime] | None = None, new_id: Callable[[], str] = new_id
) -> MemoryJournal:
    """A new journal in memory."""
    database = Database(sqlite.memory_engine(), now, new_id)
    metadata.create_all(database.engine)
    found(database)
    return MemoryJournal(database)


def _on_postgresql(database: Database) -> SqlJournal:
    with ExitStack() as failed:
        failed.callback(database.close)
        migrate(database.engine)
        found(database)
        failed.pop_all()
    return SqlJournal(database)


def _on_file(path: Path, database: Database, *, daemon: bool) -> SqlJournal:
    with ExitStack() as failed:
        failed.callback(database.close)
        lock = LockFile(path) if daemon else None
        if lock is not None:
            failed.callback(lock.release)
        migrate(database.engine)
        found(database)
        journal = SqlJournal(database, lock)
        if daemon:
            journal.free_claims()
        failed.pop_all()
    return journal
