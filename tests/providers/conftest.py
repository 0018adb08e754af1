"""What providers are tested on: a company's database under names of its own on a shared server; an AWS account."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rotator.sandbox.postgres import EmbeddedPostgres
from rotator.sandbox.sources.iam import Iam
from rotator.testing.virtual_clock import VirtualClock
from tests.providers.iam_world import IamWorld
from tests.providers.postgres_world import PostgresWorld


@pytest.fixture
def database(newest_postgres: EmbeddedPostgres) -> Iterator[PostgresWorld]:
    with PostgresWorld(newest_postgres) as world:
        yield world


@pytest.fixture
def iam(monkeypatch: pytest.MonkeyPatch) -> Iterator[IamWorld]:
    """An account of its own for each test; rotator is somebody in it."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "rotator")
    clock = VirtualClock()
    account = Iam(clock)
    with account.server.serving() as address:
        yield IamWorld(account, clock, address)
