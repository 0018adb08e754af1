"""The embedded journal: one SQLite file, or one in memory for tests and the simulation.

WAL, so that the command line reads while the daemon writes; synchronous=FULL, so that what was acknowledged survives
a power cut; secure_delete, so that a wiped sealed value leaves no bytes behind in the file. In the log beside it
(`-wal`) the sealed text stays until the log is written anew, some thousand pages later: sealed as it is.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry, StaticPool

from rotator.journal.failures import sentence_of_file
from rotator.journal.filesystems import refuse_network
from rotator.model.errors import JournalAway

#: Seconds; a call to the journal ends within ten.
_WAIT_FOR_LOCK: Final = 5.0
_WAIT_FOR_CONNECTION: Final = 4.0
_PRAGMAS: Final = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "secure_delete = ON",
    "temp_store = MEMORY",  # no spilled sort in a file of its own
)


def in_memory(address: URL) -> bool:
    """Whether the address names no file."""
    return address.database in {None, "", ":memory:"}


def memory_engine() -> Engine:
    """One connection, one database, gone with the engine."""
    return create_engine(
        "sqlite://",
        poolclass=StaticPool,
        hide_parameters=True,
        connect_args={"isolation_level": None, "check_same_thread": False},
    )


def file_engine(path: Path) -> Engine:
    """The file at `path`, which is made for its owner alone if it is new, as is its folder.

    Raises JournalAway where it cannot be opened, Refused where SQLite would lose data.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        refuse_network(path.parent)
        _make(path)
        if path.stat().st_uid == os.geteuid():
            path.chmod(0o600)
    except OSError as error:
        raise JournalAway(f"the journal {sentence_of_file(path, error)}") from None
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        hide_parameters=True,
        pool_timeout=_WAIT_FOR_CONNECTION,
        connect_args={"isolation_level": None, "timeout": _WAIT_FOR_LOCK},
    )
    event.listen(engine, "connect", _prepare)
    return engine


def _make(path: Path) -> None:
    """Makes the file if there is none. Raises OSError where it cannot be made, or be read and written.

    One that is there is never opened and closed here: to close any descriptor of it would give up the locks of other
    connections that this process has to it (sqlite.org/howtocorrupt.html, 2.2), and their WAL would be removed.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        if not os.access(path, os.R_OK | os.W_OK):
            os.close(os.open(path, os.O_RDWR | os.O_CLOEXEC))  # fails, and says why


def _prepare(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
