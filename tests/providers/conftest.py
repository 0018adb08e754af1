"""What providers are tested on: a company's database under names of its own on a shared server; an AWS account."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from rotator.sandbox.postgres import EmbeddedPostgres
from rotator.sandbox.sources.iam import Iam
from rotator.sandbox.sources.rds import Rds
from rotator.testing.virtual_clock import VirtualClock
from tests.providers.iam_world import IamWorld
from tests.providers.postgres_world import PostgresWorld
from tests.providers.rds_world import RdsWorld


@pytest.fixture
def database(newest_postgres: EmbeddedPostgres) -> Iterator[PostgresWorld]:
    with PostgresWorld(newest_postgres) as world:
        yield world


@pytest.fixture
def iam(aws_login: None) -> Iterator[IamWorld]:
    """An account of its own for each test; rotator is somebody in it."""
    clock = VirtualClock()
    account = Iam(clock)
    with account.server.serving() as address:
        yield IamWorld(account, clock, address)


@pytest.fixture
def rds(newest_postgres: EmbeddedPostgres, aws_login: None) -> Iterator[Callable[..., RdsWorld]]:
    """Makes the company's database: an instance, or a cluster."""
    clock, made = VirtualClock(), list[RdsWorld]()
    account = Rds(clock)

    def make(*, cluster: bool = False) -> RdsWorld:
        made.append(RdsWorld(account, clock, address, newest_postgres, cluster=cluster))
        return made[-1]

    with account.server.serving() as address:
        yield make
        for world in made:
            world.close()
