"""A played platform as the contract suite wants it: the platform in memory behind HTTP, on virtual time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import ClassVar

from rotator.contracts.redeployer import Redeployer, Rollout, RolloutProgress
from rotator.model.secrets import Sealed, StoredValue
from rotator.sandbox.platforms.front import Front
from rotator.testing.memory_platform import STEP, Fate, MemoryInstance, MemoryPlatform
from rotator.testing.redeployer_contract import LABEL, RedeployerContract, _ended
from rotator.testing.redeployer_world import RedeployerWorld
from rotator.testing.values import fresh_value
from rotator.testing.virtual_clock import VirtualClock


class PlayedWorld:
    """Everything of a RedeployerWorld that does not depend on the platform's API. `looks_twice`: a look that is turned
    away is made again by the SDK."""

    workload, parameter = "staging/api", "/taly/staging/API_KEY"
    patience, resolution = timedelta(minutes=5), timedelta(milliseconds=1)
    front: Front
    looks_twice = False

    def __init__(self) -> None:
        self.clock = VirtualClock()
        parameters = {self.parameter: StoredValue(fresh_value(), 1)}
        self.platform = MemoryPlatform(self.clock, self.workload, parameters)
        self.clock.pass_by(timedelta(hours=1))

    def redeployer(self) -> Redeployer:
        raise NotImplementedError("each platform has its own")

    def ended(self, label: str = LABEL) -> Rollout:
        """The rollout when it is not pending any more."""
        began = self.clock.now()
        while self.clock.now() - began < self.patience:
            rollout = self.redeployer().progress(label)
            if rollout.progress is not RolloutProgress.PENDING:
                return rollout
            self.clock.pass_by(STEP)
        raise AssertionError(f"still pending: {self.redeployer().progress(label).sentence}")

    def write(self, value: Sealed) -> int:
        held = self.platform.parameters[self.parameter]
        self.platform.parameters[self.parameter] = StoredValue(value, held.version + 1)
        return held.version + 1

    def instances(self) -> list[str]:
        return [instance.name for instance in self.living()]

    def serving(self) -> list[str]:
        return [instance.name for instance in self.living() if not instance.ending]

    def started(self) -> int:
        self.platform.catch_up()
        return len(self.platform.starts)

    @contextmanager
    def lingering(self) -> Iterator[None]:
        self.platform.lingering = frozenset(self.instances())
        yield
        self.platform.lingering = frozenset()

    def fail_next(self) -> None:
        self.platform.fates.append(Fate.FAILS)

    def hang_next(self) -> None:
        self.platform.fates.append(Fate.HANGS)

    def lie_next(self) -> None:
        self.platform.fates.append(Fate.LIES)

    def lose_next_answer(self) -> None:
        self.front.lose()

    def throttle_next(self) -> None:
        self.front.throttle(2 if self.looks_twice else 1)

    def away(self) -> AbstractContextManager[None]:
        return self.front.away()

    def living(self) -> list[MemoryInstance]:
        self.platform.catch_up()
        return self.platform.living


class OneStartContract(RedeployerContract):
    """For a platform that tells of one start for each rollout, whatever runs there. `role` is whose."""

    role: ClassVar[str]

    def test_starts_of_instances_since_then(self, world: RedeployerWorld) -> None:
        world.clock.sleep(world.resolution.total_seconds())
        then = world.clock.now()
        world.redeployer().redeploy(LABEL)
        assert _ended(world, LABEL).progress is RolloutProgress.DONE
        (start,) = world.redeployer().starts(then)
        assert (start.workload, start.role) == (world.workload, self.role)
        assert then - world.resolution <= start.at <= world.clock.now()
        world.clock.sleep(world.resolution.total_seconds())
        assert list(world.redeployer().starts(world.clock.now())) == []

    def test_starts_whoever_caused_them(self, world: RedeployerWorld) -> None:
        world.clock.sleep(world.resolution.total_seconds())
        then = world.clock.now()
        world.someone_else_rolls()
        assert len(list(world.redeployer().starts(then))) == 1
