from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from rotator.sandbox.aws import AwsWorld
from rotator.sandbox.sources.aws_secrets import SecretsSource
from rotator.testing.virtual_clock import VirtualClock
from tests.stores.aws_secrets_world import AwsSecretsWorld
from tests.stores.ssm_world import SsmWorld


@pytest.fixture
def world(aws: AwsWorld) -> SsmWorld:
    """An environment of its own for each test."""
    return SsmWorld(aws, f"/taly/{secrets.token_hex(4)}")


@pytest.fixture
def aws_secrets(aws_login: None) -> Iterator[AwsSecretsWorld]:
    """A Secrets Manager of its own for each test; rotator is somebody in it."""
    clock = VirtualClock()
    source = SecretsSource(clock)
    with source.server.serving() as address:
        yield AwsSecretsWorld(source, clock, address)
