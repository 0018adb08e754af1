"""The rig's reader reads Parameter Store as consumers do, and takes no refusal for an answer."""

from __future__ import annotations

from http.client import HTTPException

import pytest

from rotator.sandbox.aws import AwsWorld, Parameter
from rotator.sandbox.faults import DEFAULT_QUOTAS, Quota
from tests.crash.reader import Reader

pytestmark = pytest.mark.slow  # they wait for a sandbox of their own, and for its quota


def test_a_read_above_the_quota_is_no_answer_and_the_next_one_is(aws: AwsWorld) -> None:
    aws.control.seed([Parameter("/taly/KEY", "a value")])
    reader = Reader(aws, ["/taly/KEY"], tries=2)
    assert reader.read().values == {"/taly/KEY": "a value"}
    aws.control.set_quotas({"reads": Quota(0, 0)})
    with pytest.raises(HTTPException, match="ThrottlingException"):
        reader.read()
    aws.control.set_quotas(DEFAULT_QUOTAS)
    assert reader.read().versions == {"/taly/KEY": 1}


def test_a_read_above_the_quota_is_tried_again(aws: AwsWorld) -> None:
    aws.control.seed([Parameter("/taly/KEY", "a value")])
    aws.control.set_quotas({"reads": Quota(2, 1)})
    reader = Reader(aws, ["/taly/KEY"])
    assert [reader.read().values["/taly/KEY"] for _ in range(3)] == ["a value"] * 3
