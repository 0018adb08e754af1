"""Jwt: keys that services sign JSON Web Tokens with and verify them against.

The key is the text in the parameter, as UTF-8, which is what JWT libraries make of a string. RFC 7518 section 3.2
wants at least as many key bits as the hash has; libraries sign with less, so the length is ours to keep.
"""

from __future__ import annotations

import secrets
import warnings
from datetime import timedelta
from typing import Annotated, Literal

import jwt
from pydantic import BaseModel, BeforeValidator, ConfigDict

from rotator.contracts.adapter import Surroundings
from rotator.model.durations import parse_duration
from rotator.model.errors import Refused
from rotator.model.policy import Recipe
from rotator.model.secrets import Credential
from rotator.providers.both_ends import BothEndsOurs

#: 512 random bits as 86 characters, for every HMAC that RFC 7518 knows.
_KEY_BYTES = 64
_PROOF_LIVES = timedelta(minutes=1)


def _duration(value: object) -> timedelta:
    """`5d`, `12h`: as everywhere in policies.yaml. Raises ValueError."""
    return parse_duration(value if isinstance(value, str) else "")


class Jwt(BothEndsOurs):
    """One signing key."""

    class Options(BaseModel):
        """`token_ttl`: how long the longest token lives; grace must not be shorter."""

        model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

        algorithm: Literal["HS256"] = "HS256"
        token_ttl: Annotated[timedelta, BeforeValidator(_duration)] | None = None

    def __init__(self, recipe: Recipe, around: Surroundings) -> None:
        super().__init__(recipe, around)
        self._options = self.Options.model_validate(recipe.settings)

    @classmethod
    def check(cls, recipe: Recipe) -> list[str]:
        """Also: tokens signed before the switch must be able to end their lives."""
        complaints = super().check(recipe)
        longest = cls.Options.model_validate(recipe.settings).token_ttl
        if longest is not None and recipe.grace < longest * recipe.scale:
            complaints.append(
                f"grace is shorter than token_ttl ({longest}): tokens that are still valid would be refused"
            )
        return complaints

    def _generated(self) -> str:
        return secrets.token_urlsafe(_KEY_BYTES)

    def _proof(self, credential: Credential) -> str:
        """A token for the probe: of rotator, for no other purpose, dead in a minute."""
        now = self._around.clock.now()
        claims = {"iss": "rotator", "purpose": "probe", "iat": now, "exp": now + _PROOF_LIVES}
        try:
            with warnings.catch_warnings():
                # PyJWT warns about short keys; one that is in use is being replaced right now.
                warnings.simplefilter("ignore", jwt.InsecureKeyLengthWarning)
                return jwt.encode(claims, credential.fields["value"].reveal(), self._options.algorithm)
        except jwt.InvalidKeyError:
            pass  # PyJWT's text is about the key; ours does not need it
        raise Refused(
            f"{credential.id} holds no key for {self._options.algorithm} (an asymmetric key, perhaps): "
            "a rotation would break what signs with it. Correct `algorithm` or the parameter"
        )
