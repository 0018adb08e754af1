"""A database that does not answer is JournalAway: one sentence, without SQL, values or the address."""

from __future__ import annotations

import errno
import os
import sqlite3
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
import sqlalchemy.exc
from sqlalchemy import insert, make_url, text

from rotator.contracts.journal import Told
from rotator.journal import SqlJournal, open_journal
from rotator.journal.lockfile import LockFile
from rotator.journal.tables import meta
from rotator.model.errors import JournalAway
from rotator.sandbox.postgres import EmbeddedPostgres
from rotator.testing.journal_contract.rows import a_rotation, held, opened, opens, waiting


def sentence(call: Callable[[], object]) -> str:
    """What a person is told when `call` meets a database that is away."""
    with pytest.raises(JournalAway) as away:
        call()
    shown = "".join(traceback.format_exception(away.value)[-1:])
    said = str(away.value)
    assert said in shown
    assert away.value.__cause__ is None
    assert away.value.__suppress_context__
    assert not any(
        word in said for word in ("SELECT", "INSERT", "UPDATE", "[SQL", "://", "password", "production/")
    )
    return said


@pytest.fixture
def journal(sqlite_url: str) -> Iterator[SqlJournal]:
    with closing(open_journal(sqlite_url, daemon=True)) as journal:
        yield journal


def on_every_connection(journal: SqlJournal, statement: str) -> None:
    """Runs a statement on the one connection that the journal's pool has made so far."""
    with journal._db.engine.connect() as connection:
        connection.execute(text(statement))
    assert journal._db.engine.pool.status().count("Connections in pool: 1") == 1


def test_a_locked_file(journal: SqlJournal, sqlite_url: str) -> None:
    on_every_connection(journal, "PRAGMA busy_timeout = 10")
    with closing(sqlite3.connect(str(make_url(sqlite_url).database), isolation_level=None)) as another:
        another.execute("BEGIN IMMEDIATE")
        assert "locked by another process" in sentence(lambda: opened(journal))
        assert journal.rotations() == []  # who only looks is not held up
        another.execute("ROLLBACK")
    opened(journal)


def test_a_full_disk(journal: SqlJournal) -> None:
    row = held(journal)
    on_every_connection(journal, "PRAGMA max_page_count = 1")
    long = row.model_copy(update={"sentence": "x" * 500_000})
    said = sentence(lambda: journal.checkpoint(row, long, Told("advanced", "it works"), release=True))
    assert "disk" in said
    assert "full" in said
    assert [event.kind for event in journal.events(row.id)] == ["opened"]
    on_every_connection(journal, "PRAGMA max_page_count = 1000000")
    assert waiting(journal, row).fence == row.fence


def test_a_file_that_cannot_be_written(journal: SqlJournal) -> None:
    on_every_connection(journal, "PRAGMA query_only = ON")
    assert "cannot be written" in sentence(lambda: opened(journal))
    assert journal.rotations() == []


def test_a_damaged_file(sqlite_url: str) -> None:
    path = Path(str(make_url(sqlite_url).database))
    path.parent.mkdir()
    path.write_bytes(os.urandom(8192))
    assert "is not a journal" in sentence(lambda: open_journal(sqlite_url, daemon=True))
    path.unlink()
    open_journal(sqlite_url, daemon=True).close()  # nothing of the failed opening holds the lock


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = sentence(lambda: open_journal(f"sqlite:///{tmp_path}/file/journal.sqlite", daemon=True))
    assert "cannot be opened" in said


@pytest.mark.parametrize(
    "number, said",
    [
        (errno.ENOSPC, "its disk is full (No space left on device): make room there"),
        (errno.EROFS, f"(Read-only file system): let user {os.geteuid()} write to it and to its folder"),
        (errno.EIO, "(Input/output error): look at its folder"),
    ],
)
@pytest.mark.parametrize("call", ["open", "pwrite"])
def test_a_lock_file_that_cannot_be_made_or_written(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, call: str, number: int, said: str
) -> None:
    path = Path(str(make_url(sqlite_url).database))
    path.parent.mkdir()

    def fails(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(f"rotator.journal.lockfile.os.{call}", fails)
        assert said in sentence(lambda: LockFile(path))
    LockFile(path).release()  # nothing of the failed attempt holds it


def test_all_connections_in_use(journal: SqlJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = journal._db.engine.pool
    monkeypatch.setattr(pool, "_timeout", 0.01)
    busy = [pool.connect() for _ in range(15)]
    assert "connections" in sentence(journal.rotations)
    for connection in busy:
        connection.close()


def test_a_bug_of_ours_is_not_called_an_absence(journal: SqlJournal) -> None:
    with pytest.raises(sqlalchemy.exc.IntegrityError), journal._db.writing() as connection:
        connection.execute(insert(meta), {"id": 1, "installation": "another", "generation": 0})


def test_a_time_without_a_zone_is_refused(journal: SqlJournal) -> None:
    draft = a_rotation(journal)
    with pytest.raises(sqlalchemy.exc.StatementError, match="without a time zone"):
        opens(journal, draft.model_copy(update={"run_at": draft.run_at.replace(tzinfo=None)}))


def test_a_failed_statement_shows_no_parameters(journal: SqlJournal) -> None:
    with pytest.raises(sqlalchemy.exc.IntegrityError) as error, journal._db.writing() as connection:
        connection.execute(insert(meta), {"id": 1, "installation": "a value", "generation": 0})
    assert "a value" not in str(error.value)


# PostgreSQL


@pytest.fixture
def server(tmp_path: Path, postgres: EmbeddedPostgres) -> Iterator[EmbeddedPostgres]:
    """One to stop, of the same make as the one that is shared."""
    with EmbeddedPostgres(tmp_path, binaries=lambda: postgres._binaries) as server:
        yield server


@pytest.mark.slow
def test_a_server_that_stops_and_comes_back(server: EmbeddedPostgres) -> None:
    with closing(open_journal(server.superuser_dsn(), daemon=True)) as journal:
        row = held(journal)
        server.kill()
        sentence(
            lambda: waiting(journal, row)
        )  # the connection of before is found dead, and the pool with it
        sentence(journal.rotations)
        server.start()
        assert waiting(journal, row).owner is None


@pytest.mark.slow
def test_a_server_that_is_not_there(server: EmbeddedPostgres) -> None:
    url = server.superuser_dsn()
    server.stop()
    said = sentence(lambda: open_journal(url, daemon=True))
    assert server.superuser_password not in said


def test_a_wrong_password(new_database: Callable[[], str]) -> None:
    wrong = make_url(new_database()).set(password="nonsense").render_as_string(hide_password=False)
    assert "nonsense" not in sentence(lambda: open_journal(wrong, daemon=True))


def test_a_standby_is_left_for_the_primary(new_database: Callable[[], str]) -> None:
    with closing(open_journal(new_database(), daemon=True)) as journal:
        with journal._db.engine.connect() as connection:
            connection.execute(text("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"))
            connection.commit()
        assert journal._db.engine.pool.status().count("Connections in pool: 1") == 1
        assert "takes no writes" in sentence(lambda: opened(journal))
        opened(journal)  # over a new connection


def test_a_row_that_is_locked_for_too_long(replicas: tuple[SqlJournal, SqlJournal]) -> None:
    journal, other = replicas
    row = held(journal)
    with journal._db.engine.connect() as connection:
        connection.execute(text("SET lock_timeout = '50ms'"))
        connection.commit()
    try:
        with other._db.writing() as connection:
            connection.execute(text("SELECT id FROM rotation FOR UPDATE"))
            assert "locked for too long" in sentence(lambda: waiting(journal, row))
        waiting(journal, row)
    finally:
        journal._db.engine.dispose()  # other tests get the journal next, and wait for locks as long as it does


def test_a_database_that_our_user_may_not_use(new_database: Callable[[], str]) -> None:
    url = new_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        connection.execute("DROP ROLE IF EXISTS looker")
        connection.execute("CREATE ROLE looker LOGIN PASSWORD 'looker'")
    looker = make_url(url).set(username="looker", password="looker").render_as_string(hide_password=False)
    assert "grant" in sentence(lambda: open_journal(looker, daemon=True))
