"""How the tests of the sandbox's AWS call it: once, and as a user of their own."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import chain
from secrets import token_urlsafe
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from rotator.sandbox.aws import KEYS, REGION

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_ssm.type_defs import ParameterMetadataTypeDef

ONE_TRY = Config(retries={"total_max_attempts": 1, "mode": "standard"}, connect_timeout=60, read_timeout=60)
STAGING_KEY = KEYS[0]


@cache
def session() -> boto3.Session:
    """One for all tests of a worker: loading SSM's model takes a third of a second. The access key id is the user."""
    return boto3.Session(
        aws_access_key_id="taly-rotator", aws_secret_access_key=token_urlsafe(30), region_name=REGION
    )


def code(refusal: pytest.ExceptionInfo[ClientError]) -> str:
    return refusal.value.response["Error"]["Code"]


def pages_below(ssm: SSMClient, path: str, size: int = 50) -> list[list[ParameterMetadataTypeDef]]:
    """What DescribeParameters shows below a path, page by page."""
    pages = ssm.get_paginator("describe_parameters").paginate(
        ParameterFilters=[{"Key": "Path", "Option": "Recursive", "Values": [path]}],
        PaginationConfig={"PageSize": size},
    )
    return [page["Parameters"] for page in pages]


def below(ssm: SSMClient, path: str) -> list[ParameterMetadataTypeDef]:
    return list(chain.from_iterable(pages_below(ssm, path)))


def names(parameters: Iterable[ParameterMetadataTypeDef]) -> list[str]:
    return sorted(parameter["Name"] for parameter in parameters)
