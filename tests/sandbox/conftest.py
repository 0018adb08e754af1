"""Clients of the sandbox's AWS, and a place in it for each test, because all tests of a worker share one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rotator.sandbox.aws import AwsWorld
from tests.sandbox.calls import ONE_TRY, session

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_ssm import SSMClient


@pytest.fixture
def ssm(aws: AwsWorld) -> SSMClient:
    return session().client("ssm", endpoint_url=aws.endpoint, config=ONE_TRY)


@pytest.fixture
def kms(aws: AwsWorld) -> KMSClient:
    return session().client("kms", endpoint_url=aws.endpoint, config=ONE_TRY)


@pytest.fixture
def path(request: pytest.FixtureRequest) -> str:
    """A place in the store for one test, because all tests share one world."""
    return f"/{request.node.name.replace('[', '-').replace(']', '')}"
