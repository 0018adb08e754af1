"""Aws-access-key: an IAM user's access key, as consumers use it with any AWS SDK.

Prefer roles where they can be had (IRSA, instance profiles, OIDC for CI): then there is nothing to rotate.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from rotator.contracts.adapter import Surroundings
from rotator.contracts.options import AdapterOptions
from rotator.model.policy import Recipe
from rotator.model.secrets import Credential, Sealed
from rotator.providers.iam_user import IamUser, UserName

_ID, _SECRET = "access_key_id", "secret_access_key"
_BUILDS = "github-actions"
_NO_KEY_AT_ALL = (
    "mirrors give it to jobs on GitHub: by OIDC they take a role instead, and no key is left to rotate"
)


class AwsAccessKey(IamUser):
    """One access key of two. Consumers read two parameters: `access_key_id` and `secret_access_key`."""

    apart: ClassVar[tuple[str, ...]] = ("iam_user",)
    needs: ClassVar[str] = "iam:…AccessKey… of the one user"
    tried_on: ClassVar[str] = "a stand-in for IAM and STS, and moto's"
    remark: ClassVar[str] = "of IAM users; a use shows hours later"

    class Options(AdapterOptions):
        """The user belongs to the account that rotator itself is in."""

        iam_user: UserName  # the IAM user's name, without its path

    def __init__(self, recipe: Recipe, around: Surroundings) -> None:
        super().__init__(recipe, around, self.Options.taken_from(recipe.settings, recipe.secret).iam_user)

    @classmethod
    def check(cls, recipe: Recipe) -> list[str]:
        """Also: the two fields that a key has."""
        complaints = super().check(recipe)
        if set(recipe.fields) != {_ID, _SECRET}:
            complaints.append(
                f"fields must be the two parameters that consumers read: {{{_ID}: NAME, {_SECRET}: NAME}}"
            )
        return complaints

    @classmethod
    def advise(cls, recipe: Recipe, copies: frozenset[str]) -> list[str]:  # noqa: ARG003 - the same of every key
        """AWS takes the token that GitHub signs for a job, so what only jobs use needs no key."""
        return [_NO_KEY_AT_ALL] if _BUILDS in copies else []

    def verify(self, credential: Credential) -> None:
        """Asks STS with the key whose it is; every key may ask that."""
        self._keys.try_key(self._key_id(credential.fields), credential.fields[_SECRET])

    def _fields(self, key_id: str, secret: Sealed) -> dict[str, Sealed]:
        return {_ID: Sealed(key_id), _SECRET: secret}

    def _key_id(self, fields: Mapping[str, Sealed]) -> str:
        return fields[_ID].reveal()
