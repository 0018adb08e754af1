"""A platform of the matrix: where consumers run, and what restarts them when a redeployer asks for it.

One class for each redeployer and one line in `platforms/__init__.py`. Whatever the platform is, its instances read the
store when they start, and live by what they read until the platform has ended them.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

from rotator.clock import SystemClock
from rotator.model.secrets import Sealed, StoredValue
from rotator.sandbox.platforms.front import Far
from rotator.sandbox.platforms.front import Front as PlayedFront
from rotator.testing.memory_platform import Fate, MemoryPlatform
from tests.company.consumers import Consumers, Instance, Reading
from tests.crash.sources.source import ENVIRONMENT

WORKLOAD = "api"
ID = f"{ENVIRONMENT}/{WORKLOAD}"


class World:
    """What a platform asks the rig: what an instance reads that starts now, and which rollout it is to fail.

    `failing` is the id of the rollout under way if it must not come to its end, else empty.
    """

    def __init__(self, read: Callable[[], Reading], failing: Callable[[], str]) -> None:
        self.read, self.failing = read, failing


class Platform(ABC):
    """Where the one workload runs. `fails`: it can make a rollout fail on order."""

    fails: ClassVar[bool] = True

    @abstractmethod
    def start(self, folder: Path, around: ExitStack, world: World) -> None:
        """Runs the workload, until `around` ends."""

    @abstractmethod
    def deployment(self) -> Mapping[str, Any]:
        """The workload as policies.yaml says it: `kind: target`, and its settings."""

    def own(self) -> Mapping[str, str]:
        """What rotator itself logs in with: `NAME` -> value of `<path>/rotator/NAME`."""
        return {}

    def environment(self) -> Mapping[str, str]:
        """Variables of the daemon: where the platform is."""
        return {}

    @abstractmethod
    def living(self) -> tuple[Instance, ...]:
        """The instances of this moment; the same tuple as long as none was replaced."""


class Sandbox(Platform):
    """The sandbox's own platform, by its redeployer."""

    def start(self, folder: Path, around: ExitStack, world: World) -> None:
        self._consumers = Consumers(
            lambda _environment: world.read(), fails=lambda _label: bool(world.failing())
        )
        around.callback(self._consumers.stop)
        self._consumers.start(ENVIRONMENT)

    def deployment(self) -> Mapping[str, Any]:
        return {"kubernetes": f"deployment/{WORKLOAD}"}

    def environment(self) -> Mapping[str, str]:
        return {"ROTATOR_REDEPLOYER": "sandbox", "ROTATOR_ENDPOINT_PLATFORM": self._consumers.address}

    def living(self) -> tuple[Instance, ...]:
        return self._consumers.living(ENVIRONMENT)


class Machines(MemoryPlatform):
    """The platform in memory, whose instances read the store when they start."""

    def __init__(self, world: World) -> None:
        self._world, self._failed = world, set[str]()
        self._readings: dict[str, Instance] = {}
        self._shown: tuple[Instance, ...] = ()
        super().__init__(SystemClock(), ID, {})

    def roll(self, label: str) -> None:
        """A rollout fails once: what the platform makes of that itself, as a rollback, is another one."""
        failing = self._world.failing() if label not in self.rollouts else ""
        if failing and failing not in self._failed:
            self._failed.add(failing)
            self.fates = [Fate.FAILS]
        super().roll(label)

    def shown(self) -> tuple[Instance, ...]:
        """Those that live; one that was told to end lives until it has ended."""
        living = tuple(self._readings[one.name] for one in list(self.living))
        if living != self._shown:
            self._shown = living
        return self._shown

    def _start_one(self, label: str = "") -> None:
        since, reading = time.time(), self._world.read()
        self.parameters = {
            name: StoredValue(Sealed(value), reading.versions[name]) for name, value in reading.values.items()
        }
        name = f"{self.workload}-{len(self.starts)}"
        self._readings[name] = Instance(ENVIRONMENT, reading, since)
        super()._start_one(label)


class Played(Platform):
    """A platform that the sandbox plays over one in memory."""

    @abstractmethod
    def far(self, machines: Machines) -> Far:
        """What answers its API."""

    def start(self, folder: Path, around: ExitStack, world: World) -> None:
        self._folder, self._machines = folder, Machines(world)
        self.front = around.enter_context(PlayedFront(self.far(self._machines)))

    def living(self) -> tuple[Instance, ...]:
        return self._machines.shown()
