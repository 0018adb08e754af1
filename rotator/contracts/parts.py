"""Parts: how the engine gets at the adapters of a recipe without knowing which they are."""

from __future__ import annotations

from typing import Protocol

from rotator.contracts.clock import Clock
from rotator.contracts.journal import Journal
from rotator.contracts.provider import Provider
from rotator.contracts.redeployer import Redeployer
from rotator.contracts.sealer import Sealer
from rotator.contracts.store import Mirror, SecretStore
from rotator.model.policy import Deployment, Policies, Recipe


class Parts(Protocol):
    """What an installation is made of. Adapters are made on first use and kept."""

    @property
    def journal(self) -> Journal:
        """The journal."""

    @property
    def clock(self) -> Clock:
        """The clock."""

    @property
    def sealer(self) -> Sealer:
        """Where data keys come from."""

    def new_id(self) -> str:
        """An id that nobody can guess or has used before; short enough to be a label anywhere."""

    def policies(self) -> Policies:
        """Today's policy."""

    def provider(self, recipe: Recipe) -> Provider:
        """The source's adapter. Raises Refused when there is none or its options are wrong."""

    def store(self, environment: str) -> SecretStore:
        """The environment's store."""

    def mirror(self, environment: str, name: str) -> Mirror:
        """A mirror by the name that policies.yaml gave it."""

    def redeployer(self, deployment: Deployment) -> Redeployer:
        """The workload's redeployer."""
