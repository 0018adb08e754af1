"""One OpenBao for each worker; its far sides are told apart by mounts of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rotator.sandbox.openbao import EmbeddedOpenBao, Missing
from rotator.sandbox.postgres import EmbeddedPostgres
from tests.vault.database_world import VaultDatabaseWorld
from tests.vault.kv2_world import Kv2World


@pytest.fixture(scope="session")
def openbao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedOpenBao]:
    try:
        server = EmbeddedOpenBao(tmp_path_factory.mktemp("openbao"))
    except Missing as missing:
        pytest.skip(str(missing))
    with server:
        yield server


@pytest.fixture
def held(openbao: EmbeddedOpenBao, newest_postgres: EmbeddedPostgres) -> Iterator[VaultDatabaseWorld]:
    """Database users that Vault holds."""
    with VaultDatabaseWorld(openbao, newest_postgres) as world:
        yield world


@pytest.fixture
def kv2(openbao: EmbeddedOpenBao) -> Iterator[Kv2World]:
    """An environment of its own for each test."""
    with Kv2World(openbao) as world:
        yield world
