"""The template for further regions: what the queue's own rule takes arrives at its bus, and nothing else is sent."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from moto.events.models import EventPattern

from rotator.trails.cloudtrail import ACTS
from tests.trails.test_template import OTHERS, event
from tests.trails.test_template import TEMPLATE as WATCH

TEMPLATE = yaml.safe_load(
    (Path(__file__).parents[2] / "k8s/aws/access-forward.yaml").read_text(encoding="utf-8")
)
RULE, ROLE = (TEMPLATE["Resources"][name]["Properties"] for name in ("Calls", "Forwarder"))
HERE = "us-east-1"
BUS = {"Fn::Sub": "arn:${AWS::Partition}:events:${QueueRegion}:${AWS::AccountId}:event-bus/default"}


def forwards(said: Any) -> bool:
    pattern = json.dumps(RULE["EventPattern"]).replace('{"Ref": "AWS::Region"}', f'"{HERE}"')
    return bool(EventPattern.load(pattern).matches_event(said))


@pytest.mark.parametrize("api", [*ACTS])
def test_every_call_of_this_region_is_forwarded_and_taken_by_the_queue_s_rule(api: str) -> None:
    said: Any = event(api, region=HERE)
    assert forwards(said)
    taken = EventPattern.load(json.dumps(WATCH["Resources"]["Calls"]["Properties"]["EventPattern"]))
    assert taken.matches_event(said), "it asks for no region"


def test_nothing_else_is_forwarded_and_nothing_that_came_from_another_region() -> None:
    assert not [api for api in OTHERS if forwards(event(api, region=HERE))]
    assert not forwards(event("GetParameter", source="aws.secretsmanager", region=HERE))
    assert not forwards(event("GetParameter", region="eu-central-1"))


def test_it_differs_from_the_queue_s_rule_in_the_region_and_the_target_only() -> None:
    watch = WATCH["Resources"]["Calls"]["Properties"]
    assert {**watch["EventPattern"], "region": [{"Ref": "AWS::Region"}]} == RULE["EventPattern"]
    assert watch["State"] == RULE["State"] == "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"


def test_it_sends_to_the_bus_of_the_queue_s_region_and_may_do_that_alone() -> None:
    (target,) = RULE["Targets"]
    assert target == {"Id": "rotator", "Arn": BUS, "RoleArn": {"Fn::GetAtt": ["Forwarder", "Arn"]}}
    (policy,) = ROLE["Policies"]
    assert policy["PolicyDocument"]["Statement"] == [
        {"Effect": "Allow", "Action": "events:PutEvents", "Resource": BUS}
    ]
    (trusted,) = ROLE["AssumeRolePolicyDocument"]["Statement"]
    assert trusted["Principal"] == {"Service": "events.amazonaws.com"}
    assert trusted["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_in_the_queue_s_own_region_it_makes_nothing() -> None:
    assert {one["Condition"] for one in TEMPLATE["Resources"].values()} == {"Elsewhere"}
    same = {"Fn::Equals": [{"Ref": "AWS::Region"}, {"Ref": "QueueRegion"}]}
    assert TEMPLATE["Conditions"] == {"Elsewhere": {"Fn::Not": [same]}}


@pytest.mark.parametrize("region", ["eu-central-1", "us-gov-west-1", "ap-southeast-2"])
def test_it_takes_the_name_of_any_region(region: str) -> None:
    assert re.fullmatch(TEMPLATE["Parameters"]["QueueRegion"]["AllowedPattern"], region)
