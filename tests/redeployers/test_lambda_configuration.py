"""What of a function's configuration counts as released: everything that Lambda can tell, but for a short list."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, cast

import botocore.session
import pytest
from botocore.model import ListShape, MapShape, Shape, StructureShape

from rotator.redeployers.lambda_configuration import VARIABLE, differences

if TYPE_CHECKING:
    from mypy_boto3_lambda.type_defs import FunctionConfigurationResponseTypeDef

_FIELDS = cast(
    StructureShape,
    botocore.session.get_session().get_service_model("lambda").shape_for("FunctionConfiguration"),
).members
#: What differs between $LATEST and a version of it that is the same, or says nothing about what runs.
_ASIDE = [
    "FunctionArn",
    "Version",
    "MasterArn",
    "LastModified",
    "RevisionId",
    "Description",
    "RuntimeVersionConfig",
    "CodeSize",
    "ConfigSha256",
    "State",
    "StateReason",
    "StateReasonCode",
    "LastUpdateStatus",
    "LastUpdateStatusReason",
    "LastUpdateStatusReasonCode",
]


def made(shape: Shape, text: str) -> Any:
    """Something of that shape."""
    if isinstance(shape, StructureShape):
        return {name: made(member, text) for name, member in shape.members.items()}
    if isinstance(shape, MapShape):
        return {text: text}
    if isinstance(shape, ListShape):
        return [made(shape.member, text)]
    return len(text) if shape.type_name in {"integer", "long"} else text


def told(latest: dict[str, Any], runs: dict[str, Any]) -> list[str]:
    return differences(
        cast("FunctionConfigurationResponseTypeDef", latest),
        cast("FunctionConfigurationResponseTypeDef", runs),
    )


def full(text: str) -> dict[str, Any]:
    return {name: made(shape, text) for name, shape in _FIELDS.items()}


@pytest.mark.parametrize("field", sorted(_FIELDS.keys() - set(_ASIDE)))
def test_a_field_that_differs_or_is_missing_is_named(field: str) -> None:
    runs, other = full("one"), made(_FIELDS[field], "another")
    name = "its environment variables" if field == "Environment" else field
    assert told({**full("one"), field: other}, runs) == [name]
    without = {one: value for one, value in runs.items() if one != field}
    assert told(without, runs) == told(runs, without) == [name]


@pytest.mark.parametrize("field", _ASIDE)
def test_what_says_nothing_about_what_runs_is_left_aside(field: str) -> None:
    assert told({**full("one"), field: made(_FIELDS[field], "another")}, full("one")) == []


def test_a_version_that_is_the_same_may_look_different() -> None:
    runs = full("one") | {"ResponseMetadata": {"RequestId": "first"}}
    latest = copy.deepcopy(runs) | {"ResponseMetadata": {"RequestId": "second"}}
    latest["Environment"]["Variables"][VARIABLE] = "a label"
    latest["SnapStart"]["OptimizationStatus"] = "Off"
    runs["VpcConfig"]["SubnetIds"], latest["VpcConfig"]["SubnetIds"] = ["a", "b"], ["b", "a"]
    latest["Layers"][0]["CodeSize"] = 4
    assert told(latest, runs) == []


def test_what_is_empty_is_as_what_is_not_there() -> None:
    nowhere = {
        "VpcConfig": {"SubnetIds": [], "SecurityGroupIds": [], "VpcId": ""},
        "Layers": [],
        "KMSKeyArn": "",
    }
    assert told({"Role": "one", **nowhere}, {"Role": "one"}) == []


def test_the_order_of_layers_counts() -> None:
    layers = [{"Arn": "first"}, {"Arn": "second"}]
    assert told({"Layers": layers}, {"Layers": layers[::-1]}) == ["Layers"]
