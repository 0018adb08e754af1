"""A function's configuration as Lambda tells it: what a rollout changes in it, and what it says about one."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_lambda.type_defs import (
        AliasConfigurationResponseTypeDef,
        FunctionConfigurationResponseTypeDef,
    )

#: The environment variable that bears a rollout's label.
VARIABLE = "ROLLOUT_BY_ROTATOR"
#: Not compared; everything else is, what Lambda will tell one day as well: rather refused once than released unseen.
_ASIDE = frozenset(
    {
        # the answer, which version it is about, and when that was made
        *("ResponseMetadata", "FunctionArn", "Version", "MasterArn", "RevisionId", "LastModified"),
        # how far Lambda is with preparing it
        *("State", "StateReason", "StateReasonCode"),
        *("LastUpdateStatus", "LastUpdateStatusReason", "LastUpdateStatusReasonCode"),
        # follow from what is compared; the hash of the configuration from our label, too
        *("CodeSize", "ConfigSha256"),
        # PublishVersion takes one for the version alone
        "Description",
        # Lambda puts patches into the runtime at an update of the function, and ours is one: no alias holds that back
        "RuntimeVersionConfig",
    }
)


def differences(
    latest: FunctionConfigurationResponseTypeDef, runs: FunctionConfigurationResponseTypeDef
) -> list[str]:
    """In what a new version would differ from the one that runs, our label aside: names of fields, no values."""
    would, does = _content(latest), _content(runs)
    differs = sorted(name for name in would.keys() | does.keys() if would.get(name) != does.get(name))
    return ["its environment variables" if name == "Environment" else name for name in differs]


def waits_for(
    runs: FunctionConfigurationResponseTypeDef, alias: AliasConfigurationResponseTypeDef | None
) -> str:
    """What Lambda has still to do; "" when nothing is."""
    if runs.get("LastUpdateStatus") == "InProgress" or runs.get("State") == "Pending":
        return "Lambda applies the change"
    shares = alias.get("RoutingConfig", {}).get("AdditionalVersionWeights") if alias else None
    if shares:
        return f"the alias sends a share of the invocations to version {', '.join(sorted(shares))}"
    return ""


def trouble_of(configuration: FunctionConfigurationResponseTypeDef) -> str:
    """Lambda's own code for why the configuration does not run; "" when it does."""
    if configuration.get("LastUpdateStatus") == "Failed":
        return configuration.get("LastUpdateStatusReasonCode", "no reason given")
    if configuration.get("State") == "Failed":
        return configuration.get("StateReasonCode", "no reason given")
    return ""


def label_of(configuration: FunctionConfigurationResponseTypeDef) -> str | None:
    """The label of the rollout that changed it last."""
    return configuration.get("Environment", {}).get("Variables", {}).get(VARIABLE)


def labelled(configuration: FunctionConfigurationResponseTypeDef, label: str) -> dict[str, str]:
    """Its variables with that label among them."""
    return {**_others(configuration), VARIABLE: label}


def _others(configuration: FunctionConfigurationResponseTypeDef) -> dict[str, str]:
    """The variables that are not ours."""
    variables = configuration.get("Environment", {}).get("Variables", {})
    return {name: value for name, value in variables.items() if name != VARIABLE}


def _content(configuration: FunctionConfigurationResponseTypeDef) -> dict[str, object]:
    """What runs, by field. Lambda tells what is not set as empty, or not at all."""
    content: dict[str, object] = {name: told for name, told in configuration.items() if name not in _ASIDE}
    content |= {
        "Environment": _others(configuration),
        "Layers": [layer["Arn"] for layer in configuration.get("Layers", [])],
        "SnapStart": configuration.get("SnapStart", {}).get("ApplyOn"),  # its status is told of versions only
        "VpcConfig": _network(configuration),
    }
    return {name: told for name, told in content.items() if told}


def _network(configuration: FunctionConfigurationResponseTypeDef) -> dict[str, object]:
    """Subnets and security groups have no order."""
    attached = configuration.get("VpcConfig", {})
    return {name: sorted(told) if isinstance(told, list) else told for name, told in attached.items() if told}


def arn_of(configuration: FunctionConfigurationResponseTypeDef) -> str:
    """Of the function, whichever version was asked for: versions bear no tags."""
    return ":".join(configuration["FunctionArn"].split(":")[:7])


def moment(written: str) -> datetime:
    """Lambda writes 2026-11-24T10:00:00.000+0000."""
    return datetime.fromisoformat(written)
