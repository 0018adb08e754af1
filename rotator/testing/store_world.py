"""The far side of a store under test: what a store's test class gives to the contract suite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from rotator.contracts.clock import Clock
from rotator.contracts.store import SecretStore
from rotator.model.secrets import Sealed, StoredValue

#: The installation as which `StoreWorld.store` writes.
OURS = "installation-a"


class StoreWorld(Protocol):
    """A far side with an environment below `path`, empty at first, and the store under test as OURS sees it."""

    store: SecretStore
    path: str
    clock: Clock
    largest: int  # bytes of the largest value that a seeded parameter takes

    def as_seen_by(self, installation: str) -> SecretStore:
        """The same environment, to another installation."""

    def seed(self, name: str, value: Sealed, kind: str = "SecureString") -> None:
        """A parameter that somebody made, with all the metadata that the store knows."""

    def someone_else_writes(self, name: str, value: Sealed) -> None:
        """Past the store, metadata kept."""

    def someone_else_interferes(self, name: str, value: Sealed) -> None:
        """Somebody writes between the look and the effect of the next write."""

    def lose_next_answer(self) -> None:
        """The next write takes effect, and its answer is lost."""

    def throttle_next(self) -> None:
        """The next write is turned away."""

    def holds(self, name: str) -> StoredValue | None:
        """What is there, seen past the store."""

    def metadata(self, name: str) -> Mapping[str, str]:
        """What the newest version carries: key, tier, description and the like."""

    def values_read(self) -> int:
        """How many calls so far returned or decrypted values."""
