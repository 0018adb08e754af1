"""The sandbox's Parameter Store pages and refuses as AWS does, where moto does neither."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from rotator.sandbox.aws import AwsWorld, Parameter
from rotator.sandbox.faults import Fault, Rule
from tests.sandbox.calls import STAGING_KEY, below, code, names, pages_below

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

pytestmark = pytest.mark.slow  # it starts servers


@pytest.mark.parametrize("size, pages", [(50, [50, 13]), (7, [7] * 9), (1, [1] * 63)])
def test_pages_are_as_large_as_asked(
    aws: AwsWorld, ssm: SSMClient, path: str, size: int, pages: list[int]
) -> None:
    seeded = [f"{path}/{number:02}" for number in range(63)]
    aws.control.seed([Parameter(name, "value", key_id=STAGING_KEY) for name in seeded])
    found = pages_below(ssm, path, size)
    assert [len(page) for page in found] == pages
    assert names(chain.from_iterable(found)) == seeded


def test_a_full_last_page_has_no_next_token(aws: AwsWorld, ssm: SSMClient, path: str) -> None:
    aws.control.seed([Parameter(f"{path}/{number}", "value", key_id=STAGING_KEY) for number in range(50)])
    assert [len(page) for page in pages_below(ssm, path)] == [50]


def test_more_than_fifty_per_page_and_a_foreign_token_are_refused(ssm: SSMClient) -> None:
    with pytest.raises(ClientError) as refusal:
        ssm.describe_parameters(MaxResults=51)
    assert code(refusal) == "ValidationException"
    with pytest.raises(ClientError) as refusal:
        ssm.describe_parameters(NextToken="10")
    assert code(refusal) == "InvalidNextToken"


@pytest.mark.parametrize("fault", [Fault.EMPTY_PAGE, Fault.SHORT_PAGE])
def test_empty_and_short_pages_lose_nothing_and_come_to_an_end(
    aws: AwsWorld, ssm: SSMClient, path: str, fault: Fault
) -> None:
    seeded = [f"{path}/{number}" for number in range(5)]
    aws.control.seed([Parameter(name, "value", key_id=STAGING_KEY) for name in seeded])
    aws.control.set_faults([Rule(fault)])
    pages = pages_below(ssm, path)
    assert names(chain.from_iterable(pages)) == seeded
    assert [len(page) for page in pages] == ([0, 5] if fault is Fault.EMPTY_PAGE else [1] * 5)


# What AWS refuses


def test_a_value_that_is_too_large_for_its_tier_is_refused(ssm: SSMClient, path: str) -> None:
    ssm.put_parameter(Name=f"{path}/fits", Value="v" * 4096, Type="String")
    ssm.put_parameter(Name=f"{path}/fits-too", Value="v" * 8192, Type="String", Tier="Advanced")
    with pytest.raises(ClientError) as refusal:
        ssm.put_parameter(Name=f"{path}/standard", Value="v" * 4097, Type="String")
    assert code(refusal) == "ValidationException"
    with pytest.raises(ClientError) as refusal:
        ssm.put_parameter(Name=f"{path}/advanced", Value="v" * 8193, Type="String", Tier="Advanced")
    assert code(refusal) == "ValidationException"
    assert names(below(ssm, path)) == [f"{path}/fits", f"{path}/fits-too"]


def test_intelligent_tiering_becomes_the_tier_that_fits(ssm: SSMClient, path: str) -> None:
    small = ssm.put_parameter(Name=f"{path}/small", Value="v", Type="String", Tier="Intelligent-Tiering")
    large = ssm.put_parameter(
        Name=f"{path}/large", Value="v" * 5000, Type="String", Tier="Intelligent-Tiering"
    )
    assert (small["Tier"], large["Tier"]) == ("Standard", "Advanced")


def test_a_parameter_never_changes_its_type(aws: AwsWorld, ssm: SSMClient, path: str) -> None:
    aws.control.seed([Parameter(f"{path}/K", "first", key_id=STAGING_KEY)])
    with pytest.raises(ClientError) as refusal:
        ssm.put_parameter(Name=f"{path}/K", Value="second", Type="String", Overwrite=True)
    assert code(refusal) == "HierarchyTypeMismatchException"
    assert ssm.get_parameter(Name=f"{path}/K", WithDecryption=True)["Parameter"]["Value"] == "first"


def test_an_advanced_parameter_never_goes_back_to_standard(ssm: SSMClient, path: str) -> None:
    ssm.put_parameter(Name=f"{path}/K", Value="first", Type="String", Tier="Advanced")
    with pytest.raises(ClientError) as refusal:
        ssm.put_parameter(Name=f"{path}/K", Value="second", Overwrite=True, Tier="Standard")
    assert code(refusal) == "ValidationException"
    assert ssm.put_parameter(Name=f"{path}/K", Value="second", Overwrite=True)["Tier"] == "Advanced"


def test_create_only_is_still_refused_where_something_is(ssm: SSMClient, path: str) -> None:
    ssm.put_parameter(Name=f"{path}/K", Value="first", Type="String")
    with pytest.raises(ClientError) as refusal:
        ssm.put_parameter(Name=f"{path}/K", Value="second", Type="String")
    assert code(refusal) == "ParameterAlreadyExists"


def test_an_overwrite_without_key_falls_back_to_the_accounts_own_and_is_a_finding(
    aws: AwsWorld, ssm: SSMClient, path: str
) -> None:
    aws.control.seed([Parameter(f"{path}/K", "first", key_id=STAGING_KEY, description="ours")])
    ssm.put_parameter(Name=f"{path}/K", Value="second", Overwrite=True)
    (parameter,) = below(ssm, path)
    assert parameter["KeyId"] == "alias/aws/ssm"
    findings = aws.control.statistics()["findings"]
    assert ["overwrite_without_key_id", f"{path}/K"] in findings
    assert ["overwrite_without_description", f"{path}/K"] in findings


def test_an_overwrite_with_key_and_description_is_no_finding(
    aws: AwsWorld, ssm: SSMClient, path: str
) -> None:
    aws.control.seed([Parameter(f"{path}/K", "first", key_id=STAGING_KEY, description="ours")])
    ssm.put_parameter(Name=f"{path}/K", Value="second", Overwrite=True, KeyId=STAGING_KEY, Description="ours")
    assert [finding for finding in aws.control.statistics()["findings"] if finding[1] == f"{path}/K"] == []
