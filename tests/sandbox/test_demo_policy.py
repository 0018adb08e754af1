"""The demo rotates what Taly's policies.yaml names: whatever is not exempt, in both environments, and nothing less."""

from __future__ import annotations

from pathlib import Path

import pytest

from rotator.config.load import load
from rotator.model.policy import Policies
from rotator.sandbox.demo.policy import demo_policy
from rotator.sandbox.demo.seeds import ENVIRONMENTS
from rotator.sandbox.demo.story import rotated

ROOT = Path(__file__).parents[2]

#: All adapters that policies.yaml names are imported.
pytestmark = pytest.mark.slow


def loaded(text: str) -> Policies:
    hosts = ["*.taly.example", "*.taly.internal", "api.stripe.com"]
    found = load(text, "policies.yaml", redeployer="sandbox", allowed_hosts=hosts)
    assert [str(one) for one in found.errors] == []
    assert found.policies is not None
    return found.policies


def test_every_secret_that_is_not_exempt_is_rotated_in_both_environments() -> None:
    text = (ROOT / "policies.yaml").read_text(encoding="utf-8")
    templates = dict.fromkeys(ENVIRONMENTS, "postgresql://{user}:{password}@127.0.0.1:5432/taly")
    shown = loaded(demo_policy(text, templates, "http://127.0.0.1:1", "C1", "all@taly.example"))
    wanted = {one.secret for one in loaded(text).secrets.values() if one.exempt_until is None}
    assert {one.partition("/")[0] for one in wanted} == {*ENVIRONMENTS}
    assert {one.secret for one in rotated(shown)} == wanted
