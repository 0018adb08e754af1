"""The sandbox's AWS does what AWS does where moto does not, and its faults are what they claim to be."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from rotator.sandbox.aws import ACCOUNT, REGION, AwsWorld, Parameter
from rotator.sandbox.faults import DEFAULT_QUOTAS, Fault, Outage, Quota, Rule
from tests.sandbox.calls import ONE_TRY, STAGING_KEY, below, code, session
from tests.sandbox.parents import has_ended, parent_process

#: `make test` runs them: `make check` is for what the engine and the first sources rest on.
pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_ssm import SSMClient


def counted(aws: AwsWorld, what: str, key: str) -> int:
    count: int = aws.control.statistics()[what].get(key, 0)
    return count


# The world as it was before the story began


def test_a_seeded_age_is_what_describe_parameters_shows(aws: AwsWorld, ssm: SSMClient, path: str) -> None:
    aws.control.seed(
        [
            Parameter(f"{path}/{days}", "value", key_id=STAGING_KEY, age_seconds=days * 86400)
            for days in (0, 89, 412)
        ]
    )
    now = datetime.now(UTC)
    ages = {parameter["Name"]: now - parameter["LastModifiedDate"] for parameter in below(ssm, path)}
    assert set(ages) == {f"{path}/0", f"{path}/89", f"{path}/412"}
    for name, age in ages.items():
        assert abs(age - timedelta(days=int(name.rpartition("/")[2]))) < timedelta(seconds=30)


def test_a_seeded_parameter_has_its_metadata_and_its_writer(aws: AwsWorld, ssm: SSMClient, path: str) -> None:
    aws.control.seed(
        [
            Parameter(
                f"{path}/K",
                "value",
                key_id=STAGING_KEY,
                tier="Advanced",
                description="ours",
                modified_by="ada",
            )
        ]
    )
    (parameter,) = below(ssm, path)
    assert parameter["Type"] == "SecureString"
    assert parameter["KeyId"] == STAGING_KEY
    assert parameter["Tier"] == "Advanced"
    assert parameter["Description"] == "ours"
    assert parameter["LastModifiedUser"] == f"arn:aws:iam::{ACCOUNT}:user/ada"


def test_a_put_makes_a_parameter_young_and_an_order_makes_it_old_again(
    aws: AwsWorld, ssm: SSMClient, path: str
) -> None:
    aws.control.seed([Parameter(f"{path}/K", "first", key_id=STAGING_KEY, age_seconds=100 * 86400)])
    ssm.put_parameter(Name=f"{path}/K", Value="second", Overwrite=True, KeyId=STAGING_KEY)
    (young,) = below(ssm, path)
    assert datetime.now(UTC) - young["LastModifiedDate"] < timedelta(seconds=30)
    assert young["LastModifiedUser"] == f"arn:aws:iam::{ACCOUNT}:user/taly-rotator"
    aws.control.set_ages({f"{path}/K": 86400})
    (older,) = below(ssm, path)
    assert datetime.now(UTC) - older["LastModifiedDate"] > timedelta(hours=23)


def test_seeding_does_not_count_as_calls(aws: AwsWorld, path: str) -> None:
    before = aws.control.statistics()["calls"]
    aws.control.seed([Parameter(f"{path}/K", "value", key_id=STAGING_KEY)])
    assert aws.control.statistics()["calls"] == before


def test_an_order_that_makes_no_sense_is_refused(aws: AwsWorld) -> None:
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        aws.control.set_ages({"/nowhere": 1.0})


def test_account_region_and_keys_are_those_of_taly(aws: AwsWorld, kms: KMSClient) -> None:
    sts = session().client("sts", endpoint_url=aws.endpoint, config=ONE_TRY)
    assert sts.get_caller_identity()["Account"] == "111122223333"
    for alias in ("alias/taly-staging", "alias/taly-production"):
        key = kms.generate_data_key(KeyId=alias, KeySpec="AES_256", EncryptionContext={"app": "rotator"})
        assert key["KeyId"].startswith(f"arn:aws:kms:{REGION}:{ACCOUNT}:key/")
        opened = kms.decrypt(
            CiphertextBlob=key["CiphertextBlob"], EncryptionContext={"app": "rotator"}, KeyId=alias
        )
        assert opened["Plaintext"] == key["Plaintext"]


# Faults


def test_a_lost_answer_took_effect(aws: AwsWorld, ssm: SSMClient, path: str) -> None:
    ssm.put_parameter(Name=f"{path}/K", Value="first", Type="String")
    before = counted(aws, "faults", "lost_answer")
    aws.control.set_faults([Rule(Fault.LOST_ANSWER, "PutParameter", times=1)])
    with pytest.raises(ConnectionClosedError):
        ssm.put_parameter(Name=f"{path}/K", Value="second", Overwrite=True)
    parameter = ssm.get_parameter(Name=f"{path}/K")["Parameter"]
    assert (parameter["Value"], parameter["Version"]) == ("second", 2)
    assert counted(aws, "faults", "lost_answer") == before + 1


def test_the_answer_of_a_refusal_can_be_lost_too(aws: AwsWorld, ssm: SSMClient, path: str) -> None:
    ssm.put_parameter(Name=f"{path}/K", Value="first", Type="String")
    aws.control.set_faults([Rule(Fault.LOST_ANSWER, "PutParameter")])
    with pytest.raises(ConnectionClosedError):
        ssm.put_parameter(Name=f"{path}/K", Value="v" * 5000, Overwrite=True)
    assert ssm.get_parameter(Name=f"{path}/K")["Parameter"]["Value"] == "first"


@pytest.mark.parametrize(
    "fault, expected",
    [(Fault.INTERNAL_ERROR, "InternalServerError"), (Fault.THROTTLED, "ThrottlingException")],
)
def test_an_error_before_the_effect_has_no_effect(
    aws: AwsWorld, ssm: SSMClient, path: str, fault: Fault, expected: str
) -> None:
    ssm.put_parameter(Name=f"{path}/K", Value="first", Type="String")
    aws.control.set_faults([Rule(fault, "PutParameter", times=1)])
    with pytest.raises(ClientError) as refusal:
        ssm.put_parameter(Name=f"{path}/K", Value="second", Overwrite=True)
    assert code(refusal) == expected
    assert ssm.get_parameter(Name=f"{path}/K")["Parameter"]["Value"] == "first"
    assert ssm.put_parameter(Name=f"{path}/K", Value="second", Overwrite=True)["Version"] == 2


def test_a_slow_answer_took_effect_even_if_nobody_waited_for_it(
    aws: AwsWorld, ssm: SSMClient, path: str
) -> None:
    ssm.put_parameter(Name=f"{path}/K", Value="first", Type="String")
    aws.control.set_faults([Rule(Fault.SLOW, "PutParameter", times=1, seconds=5.0)])
    impatient = session().client(
        "ssm", endpoint_url=aws.endpoint, config=ONE_TRY.merge(Config(read_timeout=0.5))
    )
    with pytest.raises(ReadTimeoutError):
        impatient.put_parameter(Name=f"{path}/K", Value="second", Overwrite=True)
    deadline = time.monotonic() + 60
    while ssm.get_parameter(Name=f"{path}/K")["Parameter"]["Value"] != "second":
        assert time.monotonic() < deadline, "it never took effect"


def test_kms_has_weather_too(aws: AwsWorld, kms: KMSClient) -> None:
    aws.control.set_faults([Rule(Fault.INTERNAL_ERROR, "GenerateDataKey")])
    with pytest.raises(ClientError) as refusal:
        kms.generate_data_key(KeyId=STAGING_KEY, KeySpec="AES_256")
    assert code(refusal) == "KMSInternalException"


def test_a_quota_throttles_what_is_over_it_and_only_that(aws: AwsWorld, ssm: SSMClient, path: str) -> None:
    aws.control.set_quotas({"writes": Quota(per_second=0.001, burst=3)})
    for _ in range(3):
        ssm.put_parameter(Name=f"{path}/K", Value="v", Type="String", Overwrite=True)
    before = counted(aws, "refusals", "ThrottlingException")
    with pytest.raises(ClientError) as refusal:
        ssm.put_parameter(Name=f"{path}/K", Value="v", Type="String", Overwrite=True)
    assert code(refusal) == "ThrottlingException"
    assert counted(aws, "refusals", "ThrottlingException") == before + 1
    assert ssm.get_parameter(Name=f"{path}/K")["Parameter"]["Version"] == 3


def test_the_default_quotas_are_those_of_an_account_that_asked_for_nothing() -> None:
    assert DEFAULT_QUOTAS["writes"].per_second == 3
    assert DEFAULT_QUOTAS["reads"].per_second == 40


@pytest.mark.parametrize(
    "outage, error", [(Outage.CLOSED, ConnectionClosedError), (Outage.UNAVAILABLE, ClientError)]
)
def test_one_service_is_away_while_the_other_answers(
    aws: AwsWorld, ssm: SSMClient, kms: KMSClient, path: str, outage: Outage, error: type[Exception]
) -> None:
    aws.control.set_outages({"ssm": outage})
    with pytest.raises(error):
        ssm.put_parameter(Name=f"{path}/K", Value="v", Type="String")
    assert kms.describe_key(KeyId=STAGING_KEY)["KeyMetadata"]["Enabled"]
    aws.control.set_outages({"kms": outage})
    with pytest.raises(error):
        kms.describe_key(KeyId=STAGING_KEY)
    assert below(ssm, path) == [], "nothing happened while it was away"
    assert counted(aws, "faults", f"outage_{outage}") >= 2


def test_every_call_is_counted_by_its_operation(aws: AwsWorld, ssm: SSMClient, path: str) -> None:
    before = counted(aws, "calls", "GetParameter")
    for _ in range(3):
        with pytest.raises(ClientError):
            ssm.get_parameter(Name=f"{path}/nothing")
    assert counted(aws, "calls", "GetParameter") == before + 3


# The process


@pytest.mark.slow
def test_after_a_stop_it_comes_back_empty_on_its_port(tmp_path: Path) -> None:
    with AwsWorld(tmp_path) as world:
        endpoint = world.endpoint
        world.control.seed([Parameter("/before/K", "v", key_id=STAGING_KEY)])
        world.stop()
        world.start()
        assert world.endpoint == endpoint
        assert below(session().client("ssm", endpoint_url=endpoint, config=ONE_TRY), "/before") == []


@pytest.mark.slow
def test_killing_the_parent_leaves_no_server(tmp_path: Path) -> None:
    parent = parent_process(
        f"""
        from rotator.sandbox.aws import AwsWorld
        world = AwsWorld(Path({str(tmp_path)!r})).start()
        print(world.pid, flush=True)
        time.sleep(600)
        """
    )
    with parent:
        assert parent.stdout is not None
        server = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
    assert has_ended(server, within=60)
