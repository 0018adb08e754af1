"""What stands in a template never becomes more than a value, and a recipe that is none is refused."""

from __future__ import annotations

import copy
import json
from typing import Any
from urllib.parse import parse_qs, unquote

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rotator.model.errors import Refused
from rotator.model.secrets import Sealed
from rotator.providers import oauth_templates as templates
from rotator.providers.oauth_recipe import RECIPES, Listing, OauthRecipe
from rotator.testing.values import raises_silently

#: `make test` runs them: `make check` is for what the engine and the first sources rest on.
pytestmark = pytest.mark.slow

ANY = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(
    lambda text: text not in {".", ".."}
)


def known(**values: str) -> dict[str, Sealed]:
    return {name: Sealed(value) for name, value in values.items()}


@given(ANY)
@example("../a/b?c=d&e#f %2F")
@settings(max_examples=40)
def test_a_value_in_a_path_is_one_segment(value: str) -> None:
    path = templates.path("/apps/${app}/secrets", known(app=value))
    before, segment, after = path[1:].split("/")
    assert (before, unquote(segment), after) == ("apps", value, "secrets")
    assert not set(segment) & set("/?#&=+ \r\n")


@pytest.mark.parametrize("value", ["", ".", ".."])
def test_a_value_that_leads_elsewhere_is_refused(value: str) -> None:
    with pytest.raises(Refused):
        templates.path("/apps/${app}/secrets", known(app=value))
    assert templates.path("/v${app}.0/x", known(app="1")) == "/v1.0/x"


@given(
    st.text(alphabet=st.characters(codec="utf-8"), min_size=1), st.text(alphabet=st.characters(codec="utf-8"))
)
def test_values_in_a_query_a_form_and_json_are_what_they_were(one: str, two: str) -> None:
    values = known(one=one, two=two)
    read = parse_qs(templates.query({"$a": "${one}", "b": "x${two}"}, values), keep_blank_values=True)
    assert read == {"$a": [one], "b": [f"x{two}"]}
    read = parse_qs(templates.form({"a": "${one}", "b": "x${two}"}, values).decode())
    assert read == {"a": [one], "b": [f"x{two}"]}
    said = json.loads(templates.json_body({"a": [{"b": "${one}/${two}"}, 7, True, None]}, values))
    assert said == {"a": [{"b": f"{one}/{two}"}, 7, True, None]}


@pytest.mark.parametrize("value", ["two\r\nHost: elsewhere", "tab\t", "", "ümlaut", " led", "trailed "])
def test_a_value_that_is_no_header_is_refused_and_not_shown(value: str) -> None:
    with raises_silently(Refused, *([Sealed(value)] if value.strip() else [])):
        templates.header("${token}", known(token=value))
    assert templates.header("Bearer ${token}", known(token="a b~")) == "Bearer a b~"


def test_what_is_empty_is_left_out_of_a_form() -> None:
    assert templates.form({"a": "${one}", "scope": "${two}"}, known(one="1", two="")) == b"a=1"


def test_a_value_is_filled_in_once() -> None:
    """What looks like a template in a value stays what it is."""
    assert templates.query({"a": "${one}"}, known(one="${two}", two="x")) == "a=%24%7Btwo%7D"


def test_what_a_body_is_laid_over_stays_as_it_is_and_is_no_template() -> None:
    onto = {"on": True, "secret": "before", "text": "${one}", "nested": {"secret": "kept"}}
    said = json.loads(templates.json_body({"secret": "${one}"}, known(one="x"), onto))
    assert said == {**onto, "secret": "x"}


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(Refused, match=r"\$\{other\}"):
        templates.json_body({"a": "${other}"}, known(one="x"))


@pytest.mark.parametrize("text", ["${}", "${a.b}", "${a or b}", "${A}", "${a", "${a${b}}", "${__class__}"])
def test_a_template_is_a_name_and_no_code(text: str) -> None:
    with pytest.raises(ValueError):
        templates.names_in({"a": [text]})


def test_a_dollar_alone_is_a_dollar() -> None:
    assert templates.names_in({"$select": "$x{y}"}) == set()


@pytest.mark.parametrize(
    "change",
    [
        {"verify": {"path": "/token?secret=${client_id}"}},
        {"verify": {"path": "//elsewhere.example/token"}},
        {"verify": {"path": "https://elsewhere.example/token"}},
        {"verify": {"path": "/${secret}"}},
        {"remove": {"method": "DELETE", "path": "/secrets/${id}", "query": {"t": "${token}"}}},
        {"create": None},
        {"enable": None},
        {"overlap": "none"},
        {"activate": {"method": "PUT", "path": "/x"}},
        {"authorization": "Bearer token"},
        {"authorization": "Bearer ${token} ${other}"},
        {"headers": {}},
        {"remove": {"method": "TRACE", "path": "/x"}},
        {"remove": {"method": "DELETE", "path": "/x", "gone": [{"status": 200}]}},
        {"remove": {"method": "DELETE", "path": "/${__import__}"}},
    ],
)
def test_a_recipe_that_is_none_is_refused(change: dict[str, Any]) -> None:
    okta = yaml.safe_load((RECIPES / "okta.yaml").read_text(encoding="utf-8"))
    assert OauthRecipe.model_validate({**okta, "name": "mine"}).name == "mine"
    with pytest.raises(ValueError):
        OauthRecipe.model_validate({**copy.deepcopy(okta), "name": "mine", **change})


def test_a_recipe_tells_which_names_nobody_says() -> None:
    okta = yaml.safe_load((RECIPES / "okta.yaml").read_text(encoding="utf-8"))
    recipe = OauthRecipe.model_validate({**okta, "name": "mine", "values": {}})
    assert recipe.unknown(frozenset({"app"})) == ["scope", "server"]
    stray = Listing.model_validate({"method": "GET", "path": "/${id}", "id": "id"})
    said = frozenset({"app", "scope", "server"})
    assert recipe.model_copy(update={"observe": stray}).unknown(said) == ["id"]
