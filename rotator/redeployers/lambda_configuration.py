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
#: What a version runs with; layers and the other variables are compared beside them.
_RELEASED = ("CodeSha256", "Role", "Handler", "Runtime", "Timeout", "MemorySize")


def differences(
    latest: FunctionConfigurationResponseTypeDef, runs: FunctionConfigurationResponseTypeDef
) -> list[str]:
    """In what a new version would differ from the one that runs, our label aside."""
    differs = [name for name in _RELEASED if latest.get(name) != runs.get(name)]
    if _layers(latest) != _layers(runs):
        differs.append("Layers")
    if _others(latest) != _others(runs):
        differs.append("its environment variables")
    return differs


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


def _layers(configuration: FunctionConfigurationResponseTypeDef) -> list[str]:
    return [layer["Arn"] for layer in configuration.get("Layers", [])]


def arn_of(configuration: FunctionConfigurationResponseTypeDef) -> str:
    """Of the function, whichever version was asked for: versions bear no tags."""
    return ":".join(configuration["FunctionArn"].split(":")[:7])


def moment(written: str) -> datetime:
    """Lambda writes 2026-11-24T10:00:00.000+0000."""
    return datetime.fromisoformat(written)
