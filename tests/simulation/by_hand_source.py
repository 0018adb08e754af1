"""The adapter of a source where only people make and end credentials; mostly it tells whether one is good."""

from __future__ import annotations

from collections.abc import Mapping

from rotator.contracts.provider import Observation
from rotator.model.errors import Refused
from rotator.model.secrets import Credential, Sealed
from tests.simulation.source import SimProvider


class SimSubmittedProvider(SimProvider):
    """What people do is in `by_hand.py`."""

    def observe(self) -> Observation:
        """Nobody lists these."""
        return Observation(())

    def identify(self, current: Mapping[str, Sealed]) -> str | None:
        """Nobody tells."""
        return None

    def take(self, label: str, fields: Mapping[str, Sealed]) -> Credential:
        """An id, and nothing else."""
        return Credential(f"{self.principal}@{label}", fields)

    def create(self, label: str, predecessor: str | None) -> Credential:
        """A person does."""
        raise Refused("only a person can make one")

    def activate(self, successor: Credential) -> None:
        """It is accepted since a person made it."""

    def verify(self, credential: Credential) -> None:
        """A login, where there is somebody to ask."""
        if self.traits.tells:
            super().verify(credential)

    def disable(self, credential_id: str) -> None:
        """A person ends it."""
        raise Refused("only a person can end one")

    enable = remove = disable
