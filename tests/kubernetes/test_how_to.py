"""docs/how-to/run-on-kubernetes.md: its policies of IAM fit the code and policies.yaml, its commands what there is."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import typer

from rotator.cli.main import app
from rotator.config.load import load
from rotator.model.policy import EnvironmentPolicy
from tests.kubernetes.rendered import ROOT

PAGE = (ROOT / "docs/how-to/run-on-kubernetes.md").read_text(encoding="utf-8")
ACCOUNT = "eu-central-1:111122223333"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def environments() -> dict[str, EnvironmentPolicy]:
    policies = load(
        (ROOT / "policies.yaml").read_text(), "policies.yaml", allowed_hosts=["*.taly.*", "api.stripe.com"]
    ).policies
    assert policies is not None
    return policies.environments


def statements(block: str) -> dict[str, dict[str, Any]]:
    policy = json.loads(block)
    assert policy["Version"] == "2012-10-17"
    return {statement["Sid"]: statement for statement in policy["Statement"]}


def actions(statement: dict[str, Any]) -> set[str]:
    asked = statement["Action"]
    return {asked} if isinstance(asked, str) else set(asked)


def called(module: str, service: str) -> set[str]:
    """Operations that an adapter calls, as IAM names them."""
    source = (ROOT / "rotator" / module).read_text(encoding="utf-8")
    names = set(re.findall(rf"\b{service}\.([a-z]+(?:_[a-z]+)+|decrypt)\(", source)) - {"get_paginator"}
    names |= set(re.findall(r'get_paginator\("([a-z_]+)"\)', source))
    return {f"{service}:{''.join(word.capitalize() for word in name.split('_'))}" for name in names}


def test_one_policy_for_each_path_and_one_for_the_journal() -> None:
    *paths, journal = [statements(block) for block in blocks("json")]
    resources = [statement["Values"]["Resource"] for statement in paths]
    assert resources == [f"arn:aws:ssm:{ACCOUNT}:parameter{one.path}/*" for one in environments().values()]
    assert journal.keys() == {"DataKeysOfTheJournal"}


@pytest.mark.parametrize("number", [0, 1])
def test_a_path_s_policy_grants_what_the_store_calls_and_no_more(number: int) -> None:
    policy, environment = statements(blocks("json")[number]), list(environments().values())[number]
    ssm = actions(policy["Values"]) | actions(policy["AgesWithoutValues"])
    assert ssm == called("stores/ssm_parameters.py", "ssm")
    key = policy["KeyOfTheirValuesBySsmOnly"]
    assert actions(key) == {"kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey"}, "both tiers of parameters"
    assert key["Condition"]["StringLike"] == {
        "kms:EncryptionContext:PARAMETER_ARN": policy["Values"]["Resource"]
    }
    assert key["Condition"]["ForAnyValue:StringEquals"] == {"kms:ResourceAliases": environment.kms_key}


def test_the_journal_s_policy_grants_what_the_sealer_calls_and_no_more() -> None:
    (statement,) = statements(blocks("json")[-1]).values()
    assert actions(statement) == called("sealers/kms.py", "kms")
    settings = (ROOT / "k8s/base/kustomization.yaml").read_text()
    (alias,) = statement["Condition"]["ForAnyValue:StringEquals"].values()
    assert f"ROTATOR_KMS_KEY={alias}" in settings


def test_its_paths_are_there() -> None:
    named = set(re.findall(r"\bk8s/[\w/.-]*\w", PAGE))
    assert len(named) > 5
    assert not [name for name in named if not (ROOT / name).exists()]
    linked = re.findall(r"\]\((\.\./[\w/.-]+)\)", PAGE)
    assert not [link for link in linked if not (ROOT / "docs/how-to" / link).exists()]


def test_its_verbs_are_verbs() -> None:
    said = {
        verb for line in blocks("sh") for verb in re.findall(r"(?:^|-- )rotator (\w+)", line, re.MULTILINE)
    }
    known = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # an app with verbs is a group
    assert said
    assert said <= set(known)
