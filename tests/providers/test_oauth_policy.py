"""What `policy check` says about OAuth clients: the page's example is right, and mistakes are told where they stand."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import yaml

from rotator.config.adapters import installed
from rotator.config.load import Loaded, load
from rotator.providers.oauth_client import OauthClient
from tests.docs.pages import ROOT, blocks
from tests.docs.test_policies import merged, values

#: `make test` runs them: `make check` is for what the engine and the first sources rest on.
pytestmark = pytest.mark.slow

PAGE = ROOT / "docs" / "reference" / "adapters" / "oauth-client.md"


def checked(said: Any, *, own_recipes: bool = True) -> Loaded:
    """In Taly's policy, as if the adapter were installed."""
    known = installed()
    adapters = replace(known, providers={**known.providers, "oauth-client": lambda: OauthClient})
    within = values((ROOT / "policies.yaml").read_text(encoding="utf-8"), "policies.yaml")
    text = json.dumps(merged(within, said))  # YAML as well, and without anchors
    return load(text, "policies.yaml", adapters=adapters, allowed_hosts=["*"], own_recipes=own_recipes)


def on_the_page() -> Any:
    """The example, with a recipe of one's own instead of Okta's for one more secret."""
    example, recipe = (block.text for block in blocks(PAGE, "text"))
    said = values(example, "page")
    own = yaml.safe_load(recipe)["recipe"]
    okta = said["secrets"]["PARTNER_OAUTH_SECRET"]
    said["secrets"]["OTHER_OAUTH_SECRET"] = {**okta, "settings": {**okta["settings"], "recipe": own}}
    return said


def test_the_page_shows_what_policy_check_accepts() -> None:
    loaded = checked(on_the_page())
    assert not [
        str(error) for error in loaded.errors if "OAUTH" in str(error) or "CLIENT_SECRET" in str(error)
    ]


def test_a_recipe_in_the_policy_is_only_for_who_is_allowed() -> None:
    told = [str(error) for error in checked(on_the_page(), own_recipes=False).errors]
    assert any(
        "OTHER_OAUTH_SECRET" in one and "settings.recipe: is written in the policy" in one for one in told
    )
    assert not any("PARTNER_OAUTH_SECRET.settings.recipe" in one for one in told)


@pytest.mark.parametrize(
    "settings, where, sentence",
    [
        ({"recipe": "okto"}, "recipe", "auth0, entra, keycloak, okta"),
        ({"values": {"server": "x"}}, "values", "values must say what app is"),
        ({"address": "http://taly.okta.com"}, "address", "https://"),
        ({"access": {}}, "access", "needs a token"),
        ({"access": {"token": "ssm:/taly/elsewhere/TOKEN"}}, "access", "a reference may only lead below"),
        ({"recipe": {"name": "x", "overlap": "many", "propagation": 1, "verify": {}}}, "recipe", "path"),
    ],
)
def test_a_mistake_is_told_where_it_stands(settings: dict[str, Any], where: str, sentence: str) -> None:
    said = on_the_page()
    secret = said["secrets"]["PARTNER_OAUTH_SECRET"]
    there = secret.pop("environments")["production"]["settings"]
    secret.update(settings={**secret["settings"], **there, **settings}, only_in=["production"])
    told = [str(error) for error in checked(said).errors if "PARTNER_OAUTH_SECRET" in str(error)]
    assert any(f"settings.{where}" in one and sentence in one for one in told), told
