"""Jwt: keys that services sign JSON Web Tokens with and verify them against.

A symmetric key is the text in the parameter, as UTF-8, which is what JWT libraries make of a string. RFC 7518 section
3.2 wants at least as many key bits as the hash has; libraries sign with less, so the length is ours to keep. An
asymmetric key is a private JWK, and its accepted set a JWKS of public ones, named by their RFC 7638 thumbprint.
"""

from __future__ import annotations

import secrets
import warnings
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal

import jwt
from pydantic import Field

from rotator.contracts.adapter import Surroundings
from rotator.contracts.options import AdapterOptions, Duration
from rotator.model.durations import spell_duration
from rotator.model.errors import Refused
from rotator.model.policy import Recipe
from rotator.model.secrets import Credential, Sealed
from rotator.providers import jwt_keys
from rotator.providers.both_ends import BothEndsOurs

#: 512 random bits as 86 characters, for every HMAC that RFC 7518 knows.
_KEY_BYTES = 64
_PROOF_LIVES = timedelta(minutes=1)
#: Of an SSM parameter in the standard tier, in bytes.
_LARGEST_VALUE = 4096
_LIVES_UNKNOWN = (
    "token_ttl is not written: whether grace is as long as the longest token lives cannot be checked"
)


class Jwt(BothEndsOurs):
    """One signing key."""

    remark: ClassVar[str] = "HS256 to HS512, RS256, ES256, EdDSA; `assumed` without a probe"

    class Options(AdapterOptions):
        """`token_ttl`: how long the longest token lives; grace must not be shorter, which only then can be checked.

        `verifier_cache`: how long verifiers keep a copy of the accepted set; so long nobody signs with the successor.
        """

        algorithm: Literal["HS256", "HS384", "HS512", "RS256", "ES256", "EdDSA"] = "HS256"
        bits: Annotated[int, Field(ge=2048, le=8192, multiple_of=256)] = 2048  # of an RSA key
        token_ttl: Duration | None = None
        verifier_cache: Duration | None = None

        @property
        def asymmetric(self) -> bool:
            """Whether verifiers read another half than signers."""
            return self.algorithm in jwt_keys.KINDS

    def __init__(self, recipe: Recipe, around: Surroundings) -> None:
        super().__init__(recipe, around)
        self._options = self.Options.taken_from(recipe.settings, recipe.secret)
        cache = (self._options.verifier_cache or timedelta()) * recipe.scale
        # The contract says ClassVar: adapters of other kinds have one.
        vars(self)["traits"] = replace(self.traits, verifier_cache=cache)

    @classmethod
    def check(cls, recipe: Recipe) -> list[str]:
        """Also: tokens signed before the switch must be able to end their lives, and keys must fit into the store."""
        complaints = super().check(recipe)
        options = cls.Options.model_validate(recipe.settings)
        longest = options.token_ttl
        if longest is not None and recipe.grace < longest * recipe.scale:
            complaints.append(
                f"grace is shorter than token_ttl ({spell_duration(longest)}): tokens that are still valid would be "
                f"refused; write grace: {spell_duration(longest)} or longer"
            )
        if options.asymmetric and recipe.accept_gap and recipe.accepted_as is None:
            complaints.append(
                f"accepted_as is missing: verifiers of {options.algorithm} read public keys, and the value is private"
            )
        if "bits" in options.model_fields_set and options.algorithm != "RS256":
            complaints.append(f"bits is for RS256: keys for {options.algorithm} have one size; take it out")
        elif options.algorithm == "RS256" and max(jwt_keys.sizes(options.bits)) > _LARGEST_VALUE:
            private, public = jwt_keys.sizes(options.bits)
            complaints.append(
                f"bits {options.bits} is too many for SSM's standard tier ({_LARGEST_VALUE} bytes): the private key "
                f"has {private} bytes, a JWKS with both public keys and one more {public}. Take 4096, or "
                "algorithm: ES256"
            )
        return complaints

    @classmethod
    def advise(cls, recipe: Recipe, copies: frozenset[str]) -> list[str]:  # noqa: ARG003 - wherever copies stand
        """Without an accepted set nothing outlives the switch, and somebody has accepted that."""
        told = cls.Options.model_validate(recipe.settings).token_ttl is not None
        return [] if told or recipe.accepted_as is None else [_LIVES_UNKNOWN]

    def member(self, credential: Credential) -> Sealed:
        """The value itself, or the public JWK of a private one."""
        if not self._options.asymmetric:
            return super().member(credential)
        jwk = self._private_jwk(credential)
        return Sealed(jwt_keys.public(jwk, self._options.algorithm))

    def _generated(self) -> str:
        if self._options.asymmetric:
            return jwt_keys.made(self._options.algorithm, self._options.bits)
        return secrets.token_urlsafe(_KEY_BYTES)

    def _proof(self, credential: Credential) -> str:
        """A token for the probe: of rotator, for no other purpose, dead in a minute."""
        now = self._around.clock.now()
        claims = {"iss": "rotator", "purpose": "probe", "iat": now, "exp": now + _PROOF_LIVES}
        with warnings.catch_warnings():
            # PyJWT warns about short keys; one that is in use is being replaced right now.
            warnings.simplefilter("ignore", jwt.InsecureKeyLengthWarning)
            if self._options.asymmetric:
                jwk = self._private_jwk(credential)
                proof = jwt_keys.signed(claims, jwk, self._options.algorithm)
            else:
                proof = self._hmac_signed(claims, credential.fields["value"].reveal())
        if proof is None:
            raise self._no_key(credential)
        return proof

    def _hmac_signed(self, claims: dict[str, Any], key: str) -> str | None:
        """None for what is no symmetric key: PyJWT would sign with the text of a JWK and say nothing."""
        if jwt_keys.as_jwk(key) is not None:
            return None
        try:
            return jwt.encode(claims, key, self._options.algorithm)
        except jwt.InvalidKeyError:
            return None  # PyJWT's text is about the key; ours does not need it

    def _private_jwk(self, credential: Credential) -> dict[str, Any]:
        jwk = jwt_keys.read(credential.fields["value"].reveal(), self._options.algorithm)
        if jwk is None:
            raise self._no_key(credential)
        return jwk

    def _no_key(self, credential: Credential) -> Refused:
        algorithm = self._options.algorithm
        form = "private JWK" if self._options.asymmetric else "key"
        other = "PEM, or for another algorithm" if self._options.asymmetric else "an asymmetric key, or a JWK"
        return Refused(
            f"{credential.id} holds no {form} for {algorithm} ({other}, perhaps): a rotation would break what signs "
            "with it. Correct `algorithm` or the parameter"
        )
