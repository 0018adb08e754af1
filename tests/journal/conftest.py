"""Journals to test: in memory, in a file, and on a PostgreSQL. All tests of a worker share them, and empty them first.

Making tables and compiling every statement anew would cost more than most tests do.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from rotator.journal import MemoryJournal, SqlJournal, open_journal, open_memory_journal
from rotator.journal.identity import found
from rotator.journal.tables import metadata
from rotator.sandbox.postgres import EmbeddedPostgres, Missing, from_wheel


@pytest.fixture(scope="session")
def postgres(request: pytest.FixtureRequest) -> EmbeddedPostgres:
    """The wheel's, else Debian's."""
    try:
        from_wheel()
    except Missing:
        return request.getfixturevalue("debian_postgres")  # type: ignore[no-any-return]  # an EmbeddedPostgres
    return request.getfixturevalue("newest_postgres")  # type: ignore[no-any-return]  # an EmbeddedPostgres


@pytest.fixture(scope="session")
def new_database(postgres: EmbeddedPostgres) -> Callable[[], str]:
    """Makes an empty database and gives its URL."""

    def make() -> str:
        name = f"test_{secrets.token_hex(6)}"
        with psycopg.connect(postgres.superuser_dsn(), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return postgres.superuser_dsn(name)

    return make


Pair = tuple[SqlJournal, SqlJournal]


@contextmanager
def opened_twice(url: str) -> Iterator[Pair]:
    with closing(open_journal(url, daemon=True)) as one, closing(open_journal(url, daemon=False)) as other:
        yield one, other


def emptied(pair: Pair) -> Pair:
    """Both know nothing, and are another installation than before."""
    database = pair[0]._db
    with database.writing() as connection:
        for table in metadata.sorted_tables:
            connection.execute(table.delete())
    found(database)
    return pair


@pytest.fixture(scope="session")
def shared_database(new_database: Callable[[], str]) -> str:
    """The URL of the PostgreSQL journal that is emptied before each test."""
    return new_database()


@pytest.fixture(scope="session")
def running_replicas(shared_database: str) -> Iterator[Pair]:
    with opened_twice(shared_database) as pair:
        yield pair


@pytest.fixture
def replicas(running_replicas: Pair) -> Pair:
    """Two openings of one PostgreSQL journal, emptied."""
    return emptied(running_replicas)


@pytest.fixture(scope="session")
def file_in_use(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with opened_twice(f"sqlite:///{tmp_path_factory.mktemp('journal')}/journal.sqlite") as pair:
        yield pair


@pytest.fixture
def on_file(file_in_use: Pair) -> Pair:
    """A daemon's opening of a journal in a file, and another beside it, emptied."""
    return emptied(file_in_use)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/journal/journal.sqlite"


@pytest.fixture(scope="session")
def kept_in_memory() -> Iterator[MemoryJournal]:
    with closing(open_memory_journal()) as journal:
        yield journal


@pytest.fixture
def memory(kept_in_memory: MemoryJournal) -> MemoryJournal:
    """A journal in memory, emptied."""
    kept_in_memory.reset()
    return kept_in_memory
