"""The platform in memory as the contract suite wants it, on virtual time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count

from rotator.model.secrets import Sealed, StoredValue
from rotator.testing.memory_platform import (
    Fate,
    MemoryInstance,
    MemoryPlatform,
    MemoryRedeployer,
    MemoryWeather,
)
from rotator.testing.values import fresh_value
from rotator.testing.virtual_clock import VirtualClock


class MemoryWorld:
    workload, parameter = "staging/api", "/taly/staging/API_KEY"
    patience, resolution = timedelta(seconds=10), timedelta(milliseconds=1)

    def __init__(self, adapter: type[MemoryRedeployer] = MemoryRedeployer) -> None:
        self.clock, self.weather, self._adapter = VirtualClock(), MemoryWeather(), adapter
        parameters = {self.parameter: StoredValue(fresh_value(), 1)}
        self.platform = MemoryPlatform(self.clock, self.workload, parameters)
        self.clock.pass_by(timedelta(hours=1))
        self._numbers = count(1)

    def redeployer(self) -> MemoryRedeployer:
        return self._adapter(self.platform, self.workload, self.weather)

    def redeployer_of_nothing(self) -> MemoryRedeployer:
        return self._adapter(self.platform, "staging/nothing", self.weather)

    def write(self, value: Sealed) -> int:
        held = self.platform.parameters[self.parameter]
        self.platform.parameters[self.parameter] = StoredValue(value, held.version + 1)
        return held.version + 1

    def instances(self) -> list[str]:
        return [instance.name for instance in self._living()]

    def serving(self) -> list[str]:
        return [instance.name for instance in self._living() if not instance.ending]

    def started(self) -> int:
        self.platform.catch_up()
        return len(self.platform.starts)

    def someone_else_rolls(self) -> None:
        self.platform.roll(f"someone-else-{next(self._numbers)}")

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
        self.weather.lost_answers += 1

    def throttle_next(self) -> None:
        self.weather.throttled += 1

    @contextmanager
    def away(self) -> Iterator[None]:
        self.weather.away = True
        yield
        self.weather.away = False

    def _living(self) -> list[MemoryInstance]:
        self.platform.catch_up()
        return self.platform.living
