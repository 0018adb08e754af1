"""A company's database for each test, under names of its own on the server that all share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rotator.sandbox.postgres import EmbeddedPostgres
from tests.providers.postgres_world import PostgresWorld


@pytest.fixture
def database(newest_postgres: EmbeddedPostgres) -> Iterator[PostgresWorld]:
    with PostgresWorld(newest_postgres) as world:
        yield world
