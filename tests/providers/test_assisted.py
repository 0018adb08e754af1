"""Assisted: what people make, as the contract wants it, and what its options promise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from rotator.model.errors import CredentialRefused, Refused, Transient
from rotator.model.hosts import is_allowed
from rotator.model.rotation import Death
from rotator.model.secrets import Credential, Sealed
from rotator.providers.assisted import Assisted
from rotator.testing.submitted_provider_contract import SubmittedProviderContract
from rotator.testing.surroundings import surroundings
from rotator.testing.values import fresh_value, raises_silently
from tests.providers.assisted_world import KeyService
from tests.providers.recipes import recipe_for


class TestAssistedThatCanBeTried(SubmittedProviderContract):
    @pytest.fixture
    def world(self) -> Iterator[KeyService]:
        with KeyService() as service:
            yield service


class TestAssistedThatNobodyCanTry(SubmittedProviderContract):
    @pytest.fixture
    def world(self) -> Iterator[KeyService]:
        with KeyService(tells=False) as service:
            yield service


@pytest.fixture
def service() -> Iterator[KeyService]:
    with KeyService() as one:
        yield one


def test_death_is_tried_where_it_can_be_and_a_persons_word_elsewhere(service: KeyService) -> None:
    assert service.provider.traits.death is Death.TRIED
    assert Assisted(recipe_for("K", "assisted"), surroundings()).traits.death is Death.ASSUMED
    assert Assisted.traits.death is Death.ASSUMED


def test_a_header_carries_it_too(service: KeyService) -> None:
    verify = {"url": service.url, "headers": {"Authorization": "Bearer ${value}"}}
    service.settings = {"verify": verify}
    made = service.made()
    service.provider.verify(Credential("", made))
    service.ended(made)
    with raises_silently(CredentialRefused, *made.values()):
        service.provider.verify(Credential("", made))


@pytest.mark.parametrize("status", [301, 400, 403, 404, 409, 500, 503])
def test_an_answer_that_says_nothing_of_the_key_is_no_refusal(service: KeyService, status: int) -> None:
    made = service.made()
    service.answers = [status]
    with raises_silently(Transient, *made.values()):
        service.provider.verify(Credential("", made))


def test_what_counts_as_a_refusal_is_the_policys_to_say(service: KeyService) -> None:
    service.settings["verify"] = {**service.settings["verify"], "refused": [401, 403]}
    made = service.made()
    service.answers = [403]
    with raises_silently(CredentialRefused, *made.values()):
        service.provider.verify(Credential("", made))


def test_a_value_that_would_break_a_header_is_not_sent(service: KeyService) -> None:
    service.settings = {"verify": {"url": service.url, "headers": {"Authorization": "Bearer ${value}"}}}
    broken = Sealed(f"key-{fresh_value().reveal()}\r\nX-More: 1")
    with raises_silently(Refused, broken):
        service.provider.verify(Credential("", {"value": broken}))
    assert service.asked == 0


def test_the_address_may_be_elsewhere_by_settings_of_the_deployment(service: KeyService) -> None:
    settings = {"verify": {"url": "https://api.example/v1/balance", "basic": {"user": "${value}"}}}
    there = service.url.partition("/v1")[0]
    provider = Assisted(
        recipe_for("K", "assisted", settings=settings), surroundings(endpoints={"assisted": there})
    )
    provider.verify(Credential("", service.made()))
    assert service.asked == 1


@pytest.mark.parametrize(
    "settings, complaint",
    [
        (
            {"verify": {"url": "http://api.example/x", "basic": {"user": "${value}"}}},
            "must begin with https://",
        ),
        ({"verify": {"url": "https://api.example/x"}}, "sends no field of the credential"),
        (
            {"verify": {"url": "https://api.example/x", "basic": {"user": "${key}"}}},
            "names ${key}, which is no",
        ),
        ({"begins_with": {"key": "sk_"}}, "begins_with names key, which is no field"),
    ],
)
def test_policy_check_says_what_is_wrong(settings: dict[str, Any], complaint: str) -> None:
    (said,) = Assisted.check(recipe_for("K", "assisted", settings=settings))
    assert complaint in said


@pytest.mark.parametrize(
    "settings",
    [
        {"verify": {"url": "https://api.example/${value}", "basic": {"user": "${value}"}}},
        {"verify": {"url": "https://user@api.example/", "basic": {"user": "${value}"}}},
        {"verify": {"url": "https://api.example/x", "basic": {"user": "${value!r}"}}},
        {"verify": {"url": "https://api.example/x", "headers": {"X:Y": "${value}"}}},
        {"verify": {"url": "https://api.example/x", "method": "DELETE"}},
        {"verify": {"url": "https://api.example/x", "refused": [500]}},
        {"refused": [401]},
    ],
)
def test_options_that_make_no_sense_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Assisted.Options.model_validate(settings)


def test_the_host_that_is_sent_credentials_is_shown_to_policy_check(service: KeyService) -> None:
    assert Assisted.hosts(service.recipe) == {"verify": ["127.0.0.1"]}
    assert Assisted.hosts(recipe_for("K", "assisted")) == {}


@pytest.mark.parametrize("behind", ["?", "#", "\\", "@", "?x=", "%2f", ":pw@", "/@", ";"])
def test_no_sign_behind_the_host_makes_it_another_than_policy_check_sees(behind: str) -> None:
    settings = {
        "verify": {"url": f"https://evil.example{behind}.taly.example", "basic": {"user": "${value}"}}
    }
    recipe = recipe_for("K", "assisted", settings=settings)
    try:
        (host,) = Assisted.hosts(recipe)["verify"]
    except ValidationError:
        return
    assert not is_allowed(host, ["*.taly.example"])


def test_a_host_that_settings_do_not_allow_any_more_is_sent_nothing(service: KeyService) -> None:
    provider = Assisted(service.recipe, surroundings(allows=lambda _host: False))
    with raises_silently(Refused, *service.made().values()) as refused:
        provider.verify(Credential("", service.made()))
    assert "ROTATOR_ALLOWED_HOSTS" in str(refused.value)
    assert service.asked == 0


@pytest.mark.parametrize(
    "name", ["Host", "host", "Transfer-Encoding", "Content-Length", "Connection", "TE", "Proxy-Authorization"]
)
def test_a_header_is_about_the_credential_and_not_about_the_connection(name: str) -> None:
    with pytest.raises(ValidationError):
        Assisted.Options.model_validate(
            {"verify": {"url": "https://api.example/x", "headers": {name: "${value}"}}}
        )
