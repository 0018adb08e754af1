"""One PostgreSQL server of each kind per test process; tests share it under names of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from rotator.sandbox.postgres import EmbeddedPostgres, Missing, from_debian, from_wheel
from tests.providers.postgres_world import PostgresWorld


def serving(folder: Path, binaries: Callable[[], Path], *, tls: bool = False) -> Iterator[EmbeddedPostgres]:
    try:
        server = EmbeddedPostgres(folder, binaries=binaries, tls=tls)
    except Missing as missing:
        pytest.skip(str(missing))
    with server:
        with psycopg.connect(server.superuser_dsn(), autocommit=True) as superuser:
            superuser.execute("ALTER SYSTEM SET log_statement = 'all'")
            superuser.execute("SELECT pg_reload_conf()")
        yield server


@pytest.fixture(scope="session")
def newest_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """PostgreSQL 18, where CREATEROLE needs ADMIN on every role that it changes (since 16)."""
    yield from serving(tmp_path_factory.mktemp("postgres"), from_wheel)


@pytest.fixture(scope="session")
def debian_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """Debian's PostgreSQL: another major version, with TLS."""
    yield from serving(tmp_path_factory.mktemp("debian-postgres"), from_debian, tls=True)


@pytest.fixture
def database(newest_postgres: EmbeddedPostgres) -> Iterator[PostgresWorld]:
    with PostgresWorld(newest_postgres) as world:
        yield world
