"""The store in memory keeps the promises of the contract, so that what is tested on it is true of a real one."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from rotator.clock import SystemClock
from rotator.model.secrets import Sealed, StoredValue
from rotator.testing.memory_store import LARGEST_VALUE, MemoryParameters, MemoryStore
from rotator.testing.store_contract import StoreContract
from rotator.testing.store_world import OURS


class MemoryWorld:
    path = "/taly/staging"
    largest = LARGEST_VALUE

    def __init__(self) -> None:
        self.clock = SystemClock()
        self.far = MemoryParameters(self.clock)
        self.store = self.as_seen_by(OURS)

    def as_seen_by(self, installation: str) -> MemoryStore:
        return MemoryStore(self.far, self.path, installation)

    def seed(self, name: str, value: Sealed, kind: str = "SecureString") -> None:
        self.far.put(name, value, "someone else", kind, metadata=f"how {name} came about")

    def someone_else_writes(self, name: str, value: Sealed) -> None:
        self.far.put(name, value, "someone else", metadata=self.far.parameters[name].metadata)

    def someone_else_interferes(self, name: str, value: Sealed) -> None:
        self.store.interfere(name, value)

    def lose_next_answer(self) -> None:
        self.store.lose_next_answer()

    def throttle_next(self) -> None:
        self.store.throttle_next()

    def holds(self, name: str) -> StoredValue | None:
        held = self.far.parameters.get(name)
        return StoredValue(held.value, held.version) if held else None

    def metadata(self, name: str) -> Mapping[str, str]:
        return {"description": self.far.parameters[name].metadata}

    def values_read(self) -> int:
        return self.far.reads


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def world(self) -> MemoryWorld:
        return MemoryWorld()
