"""What settings allow reaches every adapter of the installation."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rotator.clock import SystemClock
from rotator.config.settings import Settings
from rotator.daemon.installation import Installation
from rotator.model.errors import Refused
from rotator.model.secrets import Credential
from rotator.providers.assisted import Assisted
from rotator.testing.surroundings import FreePacer
from rotator.testing.values import fresh_value
from tests.providers.recipes import recipe_for


def installation(**settings: Any) -> Installation:
    nothing = SimpleNamespace(policies=SimpleNamespace(environments={}))
    journal = SimpleNamespace(installation=lambda: "a1b2")
    return Installation(Settings(**settings), cast("Any", journal), cast("Any", nothing), SystemClock())


def test_every_adapter_knows_which_installation_it_works_for() -> None:
    assert installation()._surroundings("staging").installation == "a1b2"


def test_a_recipe_in_the_journal_is_held_against_todays_hosts() -> None:
    """Whoever can write the journal's database can change a frozen recipe."""
    verify = {"url": "https://evil.example/", "basic": {"user": "${value}"}}
    frozen = recipe_for("KEY", "assisted", settings={"verify": verify})
    around = installation(allowed_hosts=("*.taly.example",))._surroundings("staging")
    assert around.allows("api.taly.example")
    assert not around.allows("evil.example")
    with pytest.raises(Refused, match=r"evil\.example is not among the hosts"):
        Assisted(frozen, replace(around, pacer=FreePacer())).verify(Credential("", {"value": fresh_value()}))


def test_recipes_of_the_policys_own_are_off_by_default() -> None:
    assert not installation()._surroundings("staging").own_recipes
    assert installation(own_recipes=True)._surroundings("staging").own_recipes
