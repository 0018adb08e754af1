from __future__ import annotations

import secrets

import pytest

from rotator.sandbox.aws import AwsWorld
from tests.stores.ssm_world import SsmWorld


@pytest.fixture
def world(aws: AwsWorld) -> SsmWorld:
    """An environment of its own for each test."""
    return SsmWorld(aws, f"/taly/{secrets.token_hex(4)}")
