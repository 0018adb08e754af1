"""The template that makes the queue: all that the judge needs comes through, and nobody may do more than they must."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from moto.events.models import EventPattern

from rotator.config.load import load
from rotator.testing.trail_contract import a_record
from rotator.trails import queue
from rotator.trails.bodies import records_in
from rotator.trails.cloudtrail import ACTS, access_of
from rotator.trails.queue import MOST_TRIES

ROOT = Path(__file__).parents[2]
TEMPLATE = yaml.safe_load((ROOT / "k8s/aws/access-watch.yaml").read_text(encoding="utf-8"))
#: Not of SSM, not of CloudTrail, or not of values.
OTHERS = ("DescribeParameters", "AddTagsToResource", "GetParameterized", "SendCommand")


def properties(name: str) -> dict[str, Any]:
    found: dict[str, Any] = TEMPLATE["Resources"][name]["Properties"]
    return found


def event(api: str, **changes: Any) -> dict[str, Any]:
    """As EventBridge wraps a record of CloudTrail."""
    record = a_record(datetime(2026, 11, 27, 9, 30, tzinfo=UTC), eventName=api)
    envelope = {"version": "0", "source": "aws.ssm", "detail-type": "AWS API Call via CloudTrail"}
    return {**envelope, "account": "111122223333", "region": "eu-central-1", "detail": record, **changes}


def passes(said: Any) -> bool:
    pattern = EventPattern.load(json.dumps(properties("Calls")["EventPattern"]))
    return bool(pattern.matches_event(said))


@pytest.mark.parametrize("api", [*ACTS])
def test_every_call_that_the_judge_judges_comes_through_and_is_understood(api: str) -> None:
    said = event(api)
    assert passes(said)
    (record,) = records_in(json.dumps(said))
    record = {**record, "requestParameters": {"name": "/taly/production/KEY", "path": "/taly/production"}}
    access = access_of(record)
    assert access is not None
    assert access.act is ACTS[api]


def test_a_denied_call_comes_through_too() -> None:
    denied = event("GetParameter")
    denied["detail"] |= {"errorCode": "AccessDenied", "requestParameters": None}
    assert passes(denied)


def test_nothing_else_comes_through() -> None:
    assert not [api for api in OTHERS if passes(event(api))]
    assert not passes(event("GetParameter", source="aws.secretsmanager"))
    assert not passes(event("GetParameter", **{"detail-type": "Parameter Store Change"}))


def test_reads_are_delivered_by_a_rule_in_the_one_state_that_delivers_them() -> None:
    assert properties("Calls")["State"] == "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
    (target,) = properties("Calls")["Targets"]
    assert target == {"Id": "rotator", "Arn": {"Fn::GetAtt": ["Trail", "Arn"]}}


def test_the_rule_alone_may_send() -> None:
    allow, deny = properties("Sender")["PolicyDocument"]["Statement"]
    rule = {"aws:SourceArn": {"Fn::GetAtt": ["Calls", "Arn"]}}
    assert (allow["Principal"], allow["Condition"]) == (
        {"Service": "events.amazonaws.com"},
        {"ArnEquals": rule},
    )
    assert (deny["Effect"], deny["Principal"], deny["Condition"]) == ("Deny", "*", {"ArnNotEquals": rule})
    assert {one["Action"] for one in (allow, deny)} == {"sqs:SendMessage"}


def test_rotator_may_do_what_it_does_with_its_own_queue_and_no_more() -> None:
    (statement,) = properties("Reader")["PolicyDocument"]["Statement"]
    source = Path(queue.__file__).read_text(encoding="utf-8")
    calls = {
        name.removesuffix("_batch").title().replace("_", "") for name in re.findall(r"sqs\.(\w+)\(", source)
    }
    assert {f"sqs:{name}" for name in calls} == set(statement["Action"])
    assert statement["Resource"] == {"Fn::GetAtt": ["Trail", "Arn"]}


def test_what_cannot_be_read_is_kept_before_rotator_lets_go_of_it() -> None:
    redrive = properties("Trail")["RedrivePolicy"]
    assert redrive["maxReceiveCount"] < MOST_TRIES
    assert redrive["deadLetterTargetArn"] == {"Fn::GetAtt": ["Unread", "Arn"]}


def test_it_makes_the_queue_and_serves_the_role_that_taly_s_policy_names() -> None:
    policies = load(
        (ROOT / "policies.yaml").read_text(encoding="utf-8"), "policies.yaml", allowed_hosts=["*"]
    ).policies
    assert policies is not None
    assert policies.access.source is not None
    defaults = {name: one["Default"] for name, one in TEMPLATE["Parameters"].items()}
    assert policies.access.source.queue.endswith(f":{defaults['Name']}")
    assert defaults["RotatorRole"] in {
        one.role for one in policies.access.readers if one.during == "rotation"
    }


def test_every_name_in_it_is_one_that_it_makes() -> None:
    text = json.dumps(TEMPLATE)
    known = {*TEMPLATE["Resources"], *TEMPLATE["Parameters"]}
    named = re.findall(r'"(?:Ref": "|Fn::GetAtt": \[")(\w+)', text) + re.findall(r"\$\{(\w+)\}", text)
    assert len(named) > 8
    assert not set(named) - known
