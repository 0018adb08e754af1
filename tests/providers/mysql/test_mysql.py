"""One account with two passwords for a while: on a real MariaDB, and on a stand-in for MySQL 8."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rotator.sandbox.mariadb import EmbeddedMariaDb
from rotator.sandbox.sources.mysql8 import MySql8
from rotator.testing.provider_contract import ProviderContract
from tests.providers.mysql.world import MariaDbWorld, MySql8World

#: `make test` runs them: `make check` is for what the engine and the first sources rest on.
pytestmark = pytest.mark.slow


class TestOnAStandInForMySql8(ProviderContract):
    @pytest.fixture
    def world(self, mysql8: MySql8World) -> MySql8World:
        return mysql8


class TestOnAStandInForMySql8WithNativePasswords(ProviderContract):
    @pytest.fixture
    def world(self) -> Iterator[MySql8World]:
        with MySql8() as server, MySql8World(server, separate=True) as world:
            world.plugin = "mysql_native_password"
            yield world


@pytest.mark.slow
class TestOnDebiansMariaDb(ProviderContract):
    @pytest.fixture
    def world(self, mariadb: MariaDbWorld) -> MariaDbWorld:
        return mariadb


@pytest.mark.slow
class TestOnDebiansMariaDbFromEd25519(ProviderContract):
    @pytest.fixture
    def world(self, running_mariadb: EmbeddedMariaDb) -> Iterator[MariaDbWorld]:
        with MariaDbWorld(running_mariadb, separate=True) as world:
            world.plugin, world.settings["plugin"] = "ed25519", "mysql_native_password"
            yield world
