"""One MariaDB for each worker, and a stand-in for MySQL 8 for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rotator.sandbox.mariadb import EmbeddedMariaDb, Missing
from rotator.sandbox.sources.mysql8 import MySql8
from tests.providers.mysql.world import MariaDbWorld, MySql8World


@pytest.fixture(scope="session")
def running_mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedMariaDb]:
    try:
        server = EmbeddedMariaDb(tmp_path_factory.mktemp("mariadb"))
    except Missing as missing:
        pytest.skip(str(missing))
    with server:
        yield server


@pytest.fixture
def mariadb(running_mariadb: EmbeddedMariaDb) -> Iterator[MariaDbWorld]:
    with MariaDbWorld(running_mariadb) as world:
        yield world


@pytest.fixture
def mysql8() -> Iterator[MySql8World]:
    with MySql8() as server, MySql8World(server) as world:
        yield world
