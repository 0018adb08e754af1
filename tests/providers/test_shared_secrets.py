"""Keys and tokens whose both ends are ours."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

import jwt
import pytest

from rotator.contracts.provider import VerifiedProvider
from rotator.model.errors import Refused, Transient
from rotator.model.secrets import Credential, Sealed
from rotator.providers.jwt import Jwt
from rotator.providers.token import Token
from rotator.testing.loopback_verifiers import LoopbackVerifiers
from rotator.testing.shared_provider_contract import SharedProviderContract
from rotator.testing.source_world import Fields
from rotator.testing.surroundings import surroundings
from rotator.testing.values import fresh_value, raises_silently
from tests.providers.recipes import recipe_for


class Verifiers(LoopbackVerifiers):
    """VerifierWorld for one of our two adapters."""

    def __init__(self, adapter: type[Jwt | Token], **settings: Any) -> None:
        super().__init__(jwt_verifies if adapter is Jwt else token_verifies)
        self._adapter, self._settings = adapter, settings

    @property
    def provider(self) -> VerifiedProvider:
        recipe = recipe_for("SHARED", "shared", settings=self._settings, probe=(self.url,))
        return self._adapter(recipe, surroundings())

    def predecessor(self) -> Fields:
        return {"value": Sealed(secrets.token_urlsafe(40))}


def jwt_verifies(presented: str, keys: Iterable[str]) -> bool:
    return any(claims_of(presented, key) for key in keys)


def claims_of(presented: str, key: str) -> dict[str, Any]:
    try:
        return jwt.decode(presented, key, algorithms=["HS256"], issuer="rotator")
    except jwt.InvalidTokenError:
        return {}


def token_verifies(presented: str, tokens: Iterable[str]) -> bool:
    return presented in tokens


class TestJwt(SharedProviderContract):
    @pytest.fixture
    def world(self) -> Iterator[Verifiers]:
        with Verifiers(Jwt) as world:
            yield world


class TestToken(SharedProviderContract):
    @pytest.fixture(params=[{}, {"format": "hex", "bits": 128}])
    def world(self, request: pytest.FixtureRequest) -> Iterator[Verifiers]:
        with Verifiers(Token, **request.param) as world:
            yield world


# jwt


def jwt_provider(**recipe: Any) -> Jwt:
    return Jwt(recipe_for("JWT_SECRET", "jwt", **recipe), surroundings())


def test_a_key_has_at_least_the_bits_that_rfc_7518_asks_for() -> None:
    value = jwt_provider().create("ro-1", None).fields["value"]
    assert value.size >= 512 // 8  # also enough for HS384 and HS512


def test_a_verifier_at_a_host_that_settings_do_not_allow_is_sent_nothing() -> None:
    provider = Token(recipe_for("TOKEN", "token"), surroundings())
    credential = provider.create("ro-1", None)
    with raises_silently(Refused, *credential.fields.values()) as refused:
        provider.probe("https://evil.example/", credential)
    assert "ROTATOR_ALLOWED_HOSTS" in str(refused.value)


def test_a_probe_s_token_serves_no_other_purpose_and_dies_soon() -> None:
    key = jwt_provider().create("ro-1", None)
    seen: list[str] = []

    def sees(presented: str, _keys: Iterable[str]) -> bool:
        seen.append(presented)
        return True

    with LoopbackVerifiers(sees) as verifiers:
        jwt_provider().probe(verifiers.url, key)
    claims = claims_of(seen[0], key.fields["value"].reveal())
    assert claims["purpose"] == "probe"
    assert 0 < claims["exp"] - time.time() <= 60
    assert set(claims) == {"iss", "purpose", "iat", "exp"}


@pytest.mark.filterwarnings("error")
def test_a_weak_key_that_is_in_use_can_be_rotated_away() -> None:
    jwt_provider().verify(Credential("before", {"value": Sealed("supersecret")}))


def test_an_asymmetric_key_is_not_taken_for_a_symmetric_one() -> None:
    pem = Sealed("-----BEGIN PRIVATE " + f"KEY-----\n{secrets.token_hex(20)}\n-----END PRIVATE KEY-----")
    with raises_silently(Refused, pem) as refusal:
        jwt_provider().verify(Credential("before-staging/JWT_SECRET", {"value": pem}))
    assert "holds no key for HS256" in str(refusal.value)


@pytest.mark.parametrize(
    "settings, scale, complaints",
    [
        ({}, 1.0, 0),
        ({"token_ttl": "24h"}, 1.0, 0),
        ({"token_ttl": "25h"}, 1.0, 1),
        ({"token_ttl": "1w", "algorithm": "HS256"}, 1.0, 1),
        ({"token_ttl": "10d"}, 0.1, 0),  # the sandbox's fast days
    ],
)
def test_tokens_signed_before_the_switch_must_outlive_it(
    settings: dict[str, str], scale: float, complaints: int
) -> None:
    recipe = recipe_for("JWT_SECRET", "jwt", settings=settings, grace=timedelta(hours=24), scale=scale)
    assert len(Jwt.check(recipe)) == complaints


@pytest.mark.parametrize(
    "settings", [{"token_ttl": "5"}, {"token_ttl": 5}, {"algorithm": "none"}, {"key": "x"}]
)
def test_options_of_jwt_are_strict(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        Jwt.Options.model_validate(settings)


# token


@pytest.mark.parametrize("settings", [{"bits": 120}, {"bits": 257}, {"bits": 8192}, {"format": "uuid"}])
def test_options_of_token_are_strict(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        Token.Options.model_validate(settings)


@pytest.mark.parametrize("form, length", [("hex", 64), ("base64url", 43)])
def test_a_token_is_as_long_as_its_bits(form: str, length: int) -> None:
    provider = Token(recipe_for("TOKEN", "token", settings={"format": form, "bits": 256}), surroundings())
    assert provider.create("ro-1", None).fields["value"].size == length


@pytest.mark.parametrize("text", ["{}\n", "two words {}", "{}é", ""])
def test_a_value_that_cannot_travel_is_refused_only_where_it_is_to_be_sent(text: str) -> None:
    value = Sealed(text.format(fresh_value().reveal()))
    credential = Credential("before-staging/TOKEN", {"value": value})
    Token(recipe_for("TOKEN", "token"), surroundings()).verify(credential)
    with LoopbackVerifiers(token_verifies) as verifiers:
        provider = Token(recipe_for("TOKEN", "token", probe=(verifiers.url,)), surroundings())
        with raises_silently(Refused, *([value] if value.size else [])):
            provider.verify(credential)
        with raises_silently(Refused, *([value] if value.size else [])):
            provider.probe(verifiers.url, credential)
        assert verifiers.arrived() == []


# both


def test_policies_are_checked_before_anything_is_sent() -> None:
    recipe = recipe_for("TOKEN", "token", fields={"id": "A", "secret": "B"}, probe=("http://api.example/ok",))
    complaints = Token.check(recipe)
    assert len(complaints) == 2
    assert "https://" in complaints[1]
    assert (
        Token.check(recipe_for("TOKEN", "token", probe=("https://api.example/x", "http://[::1]:1/x"))) == []
    )


@pytest.mark.slow
def test_verifiers_that_say_nothing_are_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        began = time.monotonic()
        with pytest.raises(Transient, match="did not answer within 8 s"):
            jwt_provider().probe(url, jwt_provider().create("ro-1", None))
        assert time.monotonic() - began < 20


def test_a_closed_port_says_what_it_is() -> None:
    with pytest.raises(Transient, match=r"cannot be reached .*whether verifiers accept it is not known"):
        jwt_provider().probe("http://127.0.0.1:1/", jwt_provider().create("ro-1", None))
