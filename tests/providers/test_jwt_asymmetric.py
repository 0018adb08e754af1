"""Signing keys of which verifiers read the public half."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import timedelta
from functools import cache
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ed448, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jwt.algorithms import OKPAlgorithm

from rotator.contracts.provider import VerifiedProvider
from rotator.model.errors import Refused
from rotator.model.jwks import thumbprint
from rotator.model.secrets import Credential, Sealed
from rotator.providers import jwt_keys
from rotator.providers.jwt import Jwt
from rotator.testing.loopback_verifiers import LoopbackVerifiers
from rotator.testing.shared_provider_contract import SharedProviderContract
from rotator.testing.source_world import Fields, VerifierWorld
from rotator.testing.surroundings import surroundings
from rotator.testing.values import fresh_value, raises_silently
from tests.providers.recipes import recipe_for

ALGORITHMS = ("RS256", "ES256", "EdDSA")
_MADE = jwt_keys.made


@cache
def kept(algorithm: str, number: int = 0) -> str:
    """A private JWK that tests may share: RSA keys take a tenth of a second each."""
    return _MADE(algorithm, 2048)


def jwk_of(credential: Credential) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(credential.fields["value"].reveal())
    return read


def holding(value: str) -> Credential:
    return Credential("before-staging/JWT_SECRET", {"value": Sealed(value)})


def provider(**settings: Any) -> Jwt:
    return Jwt(recipe_for("JWT_SECRET", "jwt", settings=settings), surroundings())


def verifies(presented: str, members: Iterable[str]) -> bool:
    """As a verifier with a JWKS does: the header's `kid` names the key, and the key its algorithm."""
    keys = {jwk["kid"]: jwt.PyJWK(jwk) for jwk in map(json.loads, members)}
    named = keys.get(jwt.get_unverified_header(presented).get("kid", ""))
    try:
        return named is not None and bool(jwt.decode(presented, named, [named.algorithm_name]))
    except jwt.InvalidTokenError:
        return False


class Verifiers(LoopbackVerifiers):
    """VerifierWorld of one algorithm."""

    def __init__(self, algorithm: str) -> None:
        super().__init__(verifies)
        self._algorithm, self._made = algorithm, 0

    @property
    def provider(self) -> VerifiedProvider:
        settings = {"algorithm": self._algorithm}
        return Jwt(recipe_for("SHARED", "shared", settings=settings, probe=(self.url,)), surroundings())

    def predecessor(self) -> Fields:
        self._made += 1
        return {"value": Sealed(kept(self._algorithm, self._made))}


class TestAsymmetric(SharedProviderContract):
    @pytest.fixture(
        params=["ES256", *(pytest.param(one, marks=pytest.mark.slow) for one in ("RS256", "EdDSA"))]
    )
    def world(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Verifiers]:
        numbers = iter(range(100, 200))
        if request.param == "RS256":  # fast: keys of other tests
            monkeypatch.setattr(jwt_keys, "made", lambda algorithm, _bits: kept(algorithm, next(numbers)))
        with Verifiers(request.param) as world:
            yield world

    def test_create_makes_values_that_are_safe_wherever_they_go(self, world: VerifierWorld) -> None:
        """JSON cannot do without quotes; but there is no blank in it, and nothing beyond ASCII."""
        value = world.provider.create("ro-1", None).fields["value"]
        assert value.reveal().isascii()
        assert value.reveal().isprintable()
        assert " " not in value.reveal()
        assert value.size <= 4096


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_signer_finds_in_the_value_all_that_a_token_s_header_needs(algorithm: str) -> None:
    made = provider(algorithm=algorithm).create("ro-1", None)
    jwk = jwk_of(made)
    assert (jwk["kid"], jwk["alg"]) == (thumbprint(jwk), algorithm)
    assert "key_ops" not in jwk
    signer = jwt.PyJWK(jwk)
    token = jwt.encode({"sub": "1"}, signer, signer.algorithm_name, headers={"kid": signer.key_id})
    assert verifies(token, [provider(algorithm=algorithm).member(made).reveal()])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_verifiers_get_the_public_half_alone(algorithm: str) -> None:
    held = holding(kept(algorithm))
    public = json.loads(provider(algorithm=algorithm).member(held).reveal())
    assert public.keys().isdisjoint({"d", "p", "q", "dp", "dq", "qi"})
    assert public.items() >= {"use": "sig", "alg": algorithm, "kid": jwk_of(held)["kid"]}.items()


def test_a_key_in_use_keeps_the_name_that_people_gave_it() -> None:
    held = holding(json.dumps({**json.loads(kept("ES256")), "kid": "2024-1"}))
    assert json.loads(provider(algorithm="ES256").member(held).reveal())["kid"] == "2024-1"


def test_a_key_without_a_name_is_given_its_thumbprint() -> None:
    jwk = {name: value for name, value in json.loads(kept("EdDSA")).items() if name not in {"kid", "alg"}}
    public = json.loads(provider(algorithm="EdDSA").member(holding(json.dumps(jwk))).reveal())
    assert public["kid"] == thumbprint(jwk)


def _pem() -> str:
    key = ed25519.Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _changed(algorithm: str, **members: Any) -> str:
    return json.dumps({**json.loads(kept(algorithm)), **members})


def _ed448() -> str:
    """RFC 8037 has it for EdDSA too; a verifier that knows Ed25519 does not."""
    return str(OKPAlgorithm.to_jwk(ed448.Ed448PrivateKey.generate()))


#: What the value is -> the algorithm of the policy, and the value.
NO_KEYS = {
    "PEM": ("EdDSA", _pem()),
    "another curve": ("ES256", kept("EdDSA")),
    "another curve of the same kind": ("EdDSA", _ed448()),
    "another kind": ("RS256", kept("ES256")),
    "asymmetric": ("HS256", kept("ES256")),
    "a symmetric JWK": ("HS512", json.dumps({"kty": "oct", "k": fresh_value().reveal()})),
    "for another algorithm": ("ES256", _changed("ES256", alg="ES384")),
    "not of its public half": ("ES256", _changed("ES256", d=fresh_value().reveal())),
    "not of its private half": ("EdDSA", _changed("EdDSA", x=json.loads(kept("EdDSA", 1))["x"])),
    "a number for a name": ("EdDSA", _changed("EdDSA", kid=5)),
    "half a key": ("RS256", json.dumps({"kty": "RSA", "d": fresh_value().reveal()})),
    "any text": ("RS256", fresh_value().reveal()),
}


@pytest.mark.parametrize("algorithm, value", NO_KEYS.values(), ids=NO_KEYS.keys())
def test_what_is_no_key_for_the_algorithm_stops_before_anything_is_made(algorithm: str, value: str) -> None:
    held = holding(value)
    with raises_silently(Refused, held.fields["value"]) as refusal:
        provider(algorithm=algorithm).verify(held)
    assert f"for {algorithm}" in str(refusal.value)


def test_a_public_jwk_is_no_signing_key() -> None:
    public = provider(algorithm="ES256").member(holding(kept("ES256"))).reveal()
    with pytest.raises(Refused, match="holds no private JWK for ES256"):
        provider(algorithm="ES256").member(holding(public))


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_symmetric_key_signs_with_the_hash_of_the_policy(algorithm: str) -> None:
    made = provider(algorithm=algorithm).create("ro-1", None)
    seen: list[str] = []
    with LoopbackVerifiers(lambda presented, _: not seen.append(presented)) as verifiers:  # type: ignore[func-returns-value]  # None is what it is for
        provider(algorithm=algorithm).probe(verifiers.url, made)
    assert jwt.decode(seen[0], made.fields["value"].reveal(), [algorithm])["purpose"] == "probe"


def test_the_engine_is_told_how_long_verifiers_keep_a_copy() -> None:
    assert provider().traits.verifier_cache == Jwt.traits.verifier_cache == timedelta()
    assert provider(verifier_cache="10m").traits.verifier_cache == timedelta(minutes=10)
    fast = recipe_for("JWT_SECRET", "jwt", settings={"verifier_cache": "10m"}, scale=0.1)
    assert Jwt(fast, surroundings()).traits.verifier_cache == timedelta(minutes=1)


def complaints(**settings: Any) -> list[str]:
    return Jwt.check(recipe_for("JWT_SECRET", "jwt", settings=settings))


@pytest.mark.parametrize("bits", [2048, 3072, 4096])
def test_keys_that_fit_are_taken(bits: int) -> None:
    assert complaints(algorithm="RS256", bits=bits) == []


def test_keys_that_cannot_fit_are_refused_with_their_sizes() -> None:
    (complaint,) = complaints(algorithm="RS256", bits=8192)
    private, public = jwt_keys.sizes(8192)
    assert f"the private key has {private} bytes" in complaint
    assert f"both public keys and one more {public}" in complaint
    assert private > 4096 < public


def test_a_private_key_that_cannot_fit_is_refused_where_the_public_ones_would() -> None:
    (complaint,) = complaints(algorithm="RS256", bits=6144)
    private, public = jwt_keys.sizes(6144)
    assert public < 4096 < private
    assert f"the private key has {private} bytes" in complaint


def test_the_sizes_are_those_of_real_keys() -> None:
    value = kept("RS256")
    member = provider(algorithm="RS256").member(holding(value)).reveal()
    private, public = jwt_keys.sizes(2048)
    assert abs(private - len(value)) <= 6  # some of its numbers may be short by a byte or two
    assert public == len(json.dumps({"keys": [json.loads(member)] * 3}, separators=(",", ":")))


@pytest.mark.parametrize("bits", [1024, 2047, 2100, 16384, "2048x"])
def test_no_rsa_key_is_smaller_than_rfc_7518_allows(bits: Any) -> None:
    with pytest.raises(ValueError, match="validation error"):
        Jwt.Options.model_validate({"algorithm": "RS256", "bits": bits})


def test_an_option_that_would_do_nothing_is_told() -> None:
    (complaint,) = complaints(algorithm="ES256", bits=4096)
    assert complaint.startswith("bits is for RS256")


def test_verifiers_never_have_to_read_the_private_key() -> None:
    asked = {"settings": {"algorithm": "ES256"}, "accept_gap": True}
    (complaint,) = Jwt.check(recipe_for("JWT_SECRET", "jwt", **asked))
    assert complaint.startswith("accepted_as is missing")
    assert Jwt.check(recipe_for("JWT_SECRET", "jwt", accepted_as="/x", **asked)) == []
