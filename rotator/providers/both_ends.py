"""What every shared secret has in common: no source keeps it, and verifiers are asked over HTTP.

There is nothing to list, to disable or to remove: a shared secret lives in the store alone, as the value in use and in
the accepted set, and both are the engine's. What is left is to make values, and to ask verifiers about them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from pydantic import BaseModel

from rotator.contracts.adapter import Surroundings
from rotator.contracts.provider import LastUsed, Observation, Overlap, Sight, Traits
from rotator.model.errors import Refused
from rotator.model.policy import Recipe
from rotator.model.rotation import Death
from rotator.model.secrets import Credential, Sealed
from rotator.providers.probing import ask
from rotator.providers.verified_value import VerifiedValue


class BothEndsOurs(VerifiedValue, ABC):
    """A secret that one of ours uses and others of ours verify."""

    needs: ClassVar[str] = "nothing: both ends are consumers of the recipe"
    tried_on: ClassVar[str] = "services of the sandbox that sign and verify"

    traits: ClassVar[Traits] = Traits(
        overlap=Overlap.MANY,
        mints=False,
        labels=False,
        reversible=False,
        sight=Sight.OURS,
        death=Death.PROBE,
        shared=True,
    )
    Options: ClassVar[type[BaseModel]]

    def __init__(self, recipe: Recipe, around: Surroundings) -> None:
        self._recipe, self._around = recipe, around

    @property
    def principal(self) -> str:
        """The secret itself: verifiers accept any number of members."""
        return self._recipe.secret

    def observe(self) -> Observation:
        """Nothing: no source keeps it."""
        return Observation(())

    def identify(self, current: Mapping[str, Sealed]) -> str | None:
        """A name for what is in use when the journal does not remember it; never made from the value."""
        return f"before-{self._recipe.secret}" if "value" in current else None

    def create(self, label: str, predecessor: str | None) -> Credential:  # noqa: ARG002 - all values are of one kind
        """A new value by the system's random generator."""
        return Credential(f"{self._recipe.secret}@{label}", {"value": Sealed(self._generated())})

    def activate(self, successor: Credential) -> None:
        """Nothing: the accepted set makes verifiers accept it."""

    def verify(self, credential: Credential) -> None:
        """Makes something with it, here; whether verifiers accept that is what probe() asks.

        A weaker value than those made here passes: it is in use, and rotating it is the cure.
        """
        self._proof(credential)

    def disable(self, credential_id: str) -> None:
        """Raises Refused: there is no such step."""
        raise Refused(f"{credential_id} cannot be disabled at a source: it ends by leaving the accepted set")

    def enable(self, credential_id: str) -> None:
        """Raises Refused: there is no such step."""
        raise Refused(f"{credential_id} cannot be enabled at a source: it lives by being in the accepted set")

    def remove(self, credential_id: str) -> None:
        """Nothing: no source keeps it."""

    def last_used(self, credential_id: str) -> LastUsed:  # noqa: ARG002 - the same for all
        """Unknown: both ends are consumers of the recipe, and seeing them is the engine's."""
        return LastUsed(known=False)

    def probe(self, url: str, credential: Credential) -> None:
        """GET with `Authorization: Bearer <something made by the credential>`; 401 and 403 are CredentialRefused."""
        headers = {"Authorization": f"Bearer {self._proof(credential)}"}
        ask(self._around.allows, "GET", url, credential.id, {401, 403}, headers=headers)

    @abstractmethod
    def _generated(self) -> str:
        """A new value: printable ASCII without blanks, that every store takes as it is."""

    @abstractmethod
    def _proof(self, credential: Credential) -> str:
        """Something that only a holder of the credential can make. Raises Refused when nothing can be made with it."""
