"""Two login roles that take turns, on real servers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rotator.sandbox.postgres import EmbeddedPostgres
from rotator.testing.provider_contract import ProviderContract
from tests.providers.postgres_world import PostgresWorld

#: `make test` runs them: `make check` is for what the engine and the first sources rest on.
pytestmark = pytest.mark.slow


class TestOnTheNewestPostgres(ProviderContract):
    @pytest.fixture
    def world(self, newest_postgres: EmbeddedPostgres) -> Iterator[PostgresWorld]:
        with PostgresWorld(newest_postgres) as world:
            yield world


@pytest.mark.slow
class TestOnDebiansPostgres(ProviderContract):
    @pytest.fixture
    def world(self, debian_postgres: EmbeddedPostgres) -> Iterator[PostgresWorld]:
        with PostgresWorld(debian_postgres, separate=True) as world:
            yield world
