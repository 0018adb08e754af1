"""Whoever may change a build may read what it is given: production's credentials stay out, whatever it is called."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rotator.config.load import load
from tests.config.files import ADAPTERS

FILE = """\
apiVersion: rotator/v1
kind: RotationPolicies
environments:
  {name}: {{path: /taly/{name}, aws: {{region: eu-central-1}}}}
types:
  pair: {{provider: pair, rotate_every: 90d, grace: 1d, owner: crm}}
owners:
  crm: {{slack: "#crm"}}
secrets:
  DATABASE_URL: {{type: pair, settings: {{admin: "ssm:/taly/{name}/rotator/ADMIN"}}, deploy: [], mirrors: [ci]}}
mirrors:
  ci: {{kind: github-actions, {allowed}environment: "{{env}}"}}
"""


def said_of(name: str, reason: str | None = None) -> list[str]:
    allowed = "" if reason is None else f"allow_production: {reason}, "
    adapters = replace(ADAPTERS, mirrors={"github-actions": lambda: object})
    return [
        str(one) for one in load(FILE.format(name=name, allowed=allowed), "p.yaml", adapters=adapters).errors
    ]


NO_BUILDS = (
    "production prod live prd production-eu eu-production prod2 main customers eu pre-production staging-live "
    "demo-customers latest devices"
)


@pytest.mark.parametrize("name", NO_BUILDS.split())
def test_what_may_be_production_goes_to_no_build_without_a_reason(name: str) -> None:
    (error,) = said_of(name)
    assert f"gives DATABASE_URL of {name} to builds" in error
    assert "write allow_production: with a reason beside mirrors.ci.kind" in error
    assert "unless a word of its name says dev, test, staging" in error
    assert said_of(name, "it deploys until it does so by OIDC") == []


@pytest.mark.parametrize(
    "name", ["dev", "staging", "staging-eu", "eu-dev", "qa1", "test_2", "sandbox", "preview", "ci", "demo"]
)
def test_what_is_called_harmless_may(name: str) -> None:
    assert said_of(name) == []


@pytest.mark.parametrize("reason", ['""', '" "', '"."', "yes", "true", "1", '"- - -"', "a b"])
def test_a_reason_has_words(reason: str) -> None:
    (error,) = said_of("production", reason)
    assert error.endswith(
        "mirrors.ci.allow_production: must say why, in words, for whoever reads it in a year"
    )
