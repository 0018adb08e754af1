"""A recipe of the policy's own is requests with rotator's token: only where settings allow it, and within bounds."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from rotator.model.errors import Refused, Transient
from rotator.model.policy import Recipe
from rotator.model.secrets import Sealed
from rotator.providers.oauth_client import OauthClient
from rotator.providers.oauth_http import Answer, Line
from rotator.providers.oauth_recipe import OauthRecipe
from rotator.testing.surroundings import surroundings
from rotator.testing.values import fresh_value, raises_silently
from tests.providers.recipes import recipe_for

OWN: dict[str, Any] = {
    "name": "partner",
    "overlap": "many",
    "propagation": 30,
    "verify": {"path": "/oauth/token"},
    "observe": {"method": "GET", "path": "/keys", "items": "keys", "id": "id"},
    "create": {
        "method": "POST",
        "path": "/keys",
        "body": {"name": "${label}"},
        "id": "id",
        "secret": "secret",
    },
    "remove": {"method": "DELETE", "path": "/keys/${id}"},
}
TOLD: dict[str, Any] = {
    "name": "partner",
    "overlap": "none",
    "propagation": 30,
    "verify": {"path": "/oauth/token"},
    "activate": {"method": "PUT", "path": "/client", "body": {"secret": "${secret}"}},
}


def _recipe(**recipe: Any) -> Recipe:
    settings = {
        "recipe": {**OWN, **recipe},
        "client_id": "crm",
        "access": {"token": "ssm:/taly/staging/rotator/TOKEN"},
        "address": "https://login.taly.example",
    }
    return recipe_for("OAUTH_SECRET", "oauth-client", settings=settings)


def test_a_recipe_of_the_policys_own_needs_a_setting() -> None:
    assert OauthClient.check(_recipe()) == []
    assert OauthClient.own_recipe(_recipe())
    with pytest.raises(Refused, match="ROTATOR_OWN_RECIPES"):
        OauthClient(_recipe(), surroundings())
    OauthClient(_recipe(), surroundings(own_recipes=True))


def test_its_host_is_asked_about_before_rotators_token_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Line, "_sent", lambda *_: pytest.fail("bytes left"))
    token = fresh_value()
    around = surroundings(own_recipes=True, references={"ssm:/taly/staging/rotator/TOKEN": token})
    with raises_silently(Refused, token) as refused:
        OauthClient(_recipe(), around).observe()
    assert "login.taly.example is not among the hosts that settings allow" in str(refused.value)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("step", ["observe", "look"])
def test_what_only_looks_is_a_get(step: str, method: str) -> None:
    recipe = deepcopy(OWN if step == "observe" else TOLD)
    looking = {**recipe.get(step, {"path": "/client", "client": "id"}), "method": "GET"}
    OauthRecipe.model_validate({**recipe, step: looking})
    with pytest.raises(ValidationError):
        OauthRecipe.model_validate({**recipe, step: {**looking, "method": method}})


@pytest.mark.parametrize("lacking", ["look", "body"])
def test_a_body_is_laid_over_something_that_is_shown(lacking: str) -> None:
    recipe = deepcopy({**TOLD, "look": {"method": "GET", "path": "/client", "client": "id"}})
    recipe["activate"]["onto_look"] = True
    OauthRecipe.model_validate(recipe)
    (recipe if lacking == "look" else recipe["activate"]).pop(lacking)
    with pytest.raises(ValidationError):
        OauthRecipe.model_validate(recipe)


@pytest.mark.parametrize("name", ["client_secret", "secret", "token", "id", "label"])
def test_values_say_nothing_of_what_requests_bring(name: str) -> None:
    with pytest.raises(ValidationError):
        OauthRecipe.model_validate({**OWN, "values": {name: "x"}})
    with pytest.raises(ValidationError):
        OauthClient.Options.model_validate({**_recipe().settings, "values": {name: "x"}})


@pytest.mark.parametrize("name", ["client_secret", "secret", "token", "id", "label"])
def test_no_secret_stands_in_a_url(name: str) -> None:
    path = f"/log/${{{name}}}"
    for step in ("verify", "access"):
        with pytest.raises(ValidationError):
            OauthRecipe.model_validate({**OWN, step: {"path": path}})
    steps = {"observe", "create", "remove"} - {{"id": "remove", "label": "create"}.get(name)}
    for step in steps:
        with pytest.raises(ValidationError):
            OauthRecipe.model_validate({**OWN, step: {**OWN[step], "path": path}})
        with pytest.raises(ValidationError):
            OauthRecipe.model_validate({**OWN, step: {**OWN[step], "query": {"x": f"${{{name}}}"}}})


@pytest.mark.parametrize("key", ["id", "label"])
def test_a_secret_is_no_id_and_no_label(key: str) -> None:
    with pytest.raises(ValidationError):
        OauthRecipe.model_validate({**OWN, "observe": {**OWN["observe"], key: "secret"}})


@pytest.mark.parametrize("found", ["", "two words", "x" * 129, "a/b", "a\n", "é", 7, None])
def test_an_id_that_may_be_anything_is_none(found: object, monkeypatch: pytest.MonkeyPatch) -> None:
    _answers(monkeypatch, {"keys": [{"id": found}], "id": found, "secret": "x"})
    provider = _provider()
    with pytest.raises(Transient):
        provider.observe()
    with pytest.raises(Transient):
        provider.create("ro-1", None)


def test_a_secret_in_the_place_of_its_id_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    value = fresh_value()
    _answers(
        monkeypatch,
        {
            "keys": [{"id": value.reveal(), "key": value.reveal()}],
            "id": value.reveal(),
            "secret": value.reveal(),
        },
    )
    provider = _provider(observe={**OWN["observe"], "shown": "key"})
    with raises_silently(Transient, value):
        provider.observe()
    with raises_silently(Transient, value):
        provider.create("ro-1", None)


def _provider(**recipe: Any) -> OauthClient:
    around = surroundings(
        own_recipes=True, references={"ssm:/taly/staging/rotator/TOKEN": Sealed("of-rotator")}
    )
    return OauthClient(_recipe(**recipe), around)


def _answers(monkeypatch: pytest.MonkeyPatch, said: object) -> None:
    """Every request is answered so."""

    class Saying(Answer):
        def said(self) -> Any:
            return said

    monkeypatch.setattr(Line, "send", lambda *_: Saying(200, httpx.Headers(), b""))
