"""A platform in memory, and a redeployer that keeps every promise on it, with switches for all that platforms do.

It rolls on the clock it is given: a step every tenth of a second, made up for whenever somebody looks. On a virtual
clock a rollout takes no time at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from rotator.contracts.clock import Clock
from rotator.contracts.guard import guard
from rotator.contracts.redeployer import Rollout, RolloutProgress, Start
from rotator.model.errors import Refused, Transient
from rotator.model.secrets import StoredValue

STEP = timedelta(seconds=0.1)
_LATER = timedelta(seconds=7)


class Fate(StrEnum):
    """What becomes of a rollout."""

    FINE = "fine"
    FAILS = "fails"
    HANGS = "hangs"
    LIES = "lies"


@dataclass(eq=False, slots=True)
class MemoryInstance:
    """One living instance, and what it read when it started."""

    name: str
    started_at: datetime
    read: dict[str, StoredValue]
    ending: bool = False
    rollout: str = ""  # the label of the one that started it


@dataclass(eq=False, slots=True)
class MemoryRollout:
    """A rollout as the platform tells it, which need not be true."""

    started_at: datetime
    steps: Iterator[None]
    progress: RolloutProgress = RolloutProgress.PENDING
    sentence: str = "waits for the first new instance"
    label: str = ""


@dataclass(slots=True)
class MemoryPlatform:
    """Runs one workload that reads `parameters`."""

    clock: Clock
    workload: str
    parameters: dict[str, StoredValue]
    replicas: int = 2
    living: list[MemoryInstance] = field(default_factory=list)
    starts: list[datetime] = field(default_factory=list)
    rollouts: dict[str, MemoryRollout] = field(default_factory=dict)
    fates: list[Fate] = field(default_factory=list)
    lingering: frozenset[str] = frozenset()
    _stepped: float = 0.0

    def __post_init__(self) -> None:
        for _ in range(self.replicas):
            self._start_one()

    def roll(self, label: str) -> None:
        """Starts a rollout; it takes the place of one that is under way."""
        self.catch_up()
        if label in self.rollouts:
            return
        for earlier in self.rollouts.values():
            self._end(earlier, RolloutProgress.FAILED, "another rollout took its place")
        fate = self.fates.pop(0) if self.fates else Fate.FINE
        older = list(self.living)
        rollout = self.rollouts[label] = MemoryRollout(self.clock.now(), iter(()), label=label)
        rollout.steps = self._steps(rollout, older, fate)

    def catch_up(self) -> None:
        """Makes the steps for which it was time since somebody looked."""
        due = int((self.clock.monotonic() - self._stepped) / STEP.total_seconds())
        self._stepped += due * STEP.total_seconds()
        for _ in range(due):
            self.living = [one for one in self.living if not one.ending or one.name in self.lingering]
            for rollout in self.rollouts.values():
                if rollout.progress is RolloutProgress.PENDING:
                    next(rollout.steps, None)

    def _steps(self, rollout: MemoryRollout, older: list[MemoryInstance], fate: Fate) -> Iterator[None]:
        """One by one: a new instance, then an older one is told to end. It is called done before the last has ended."""
        yield
        for place, old in enumerate(older, 1):
            if place == len(older) and fate is not Fate.FINE:
                break
            self._start_one(rollout.label)
            rollout.sentence = f"{place} of {len(older)} instances are new"
            yield
            old.ending = True
        match fate:
            case Fate.FAILS:
                sentence = f"1 of {len(older)} new instances did not become ready: CrashLoopBackOff"
                self._end(rollout, RolloutProgress.FAILED, sentence)
            case Fate.HANGS:
                rollout.sentence = f"waits for 1 of {len(older)} instances to become ready"
                while True:
                    yield
            case _:
                self._end(rollout, RolloutProgress.DONE, "every instance is new")

    def _start_one(self, label: str = "") -> None:
        now, name = self.clock.now(), f"{self.workload}-{len(self.starts)}"
        self.living.append(MemoryInstance(name, now, dict(self.parameters), rollout=label))
        self.starts.append(now)

    def _end(self, rollout: MemoryRollout, progress: RolloutProgress, sentence: str) -> None:
        if rollout.progress is RolloutProgress.PENDING:
            rollout.progress, rollout.sentence = progress, sentence


@dataclass(slots=True)
class MemoryWeather:
    """What happens to the next calls."""

    away: bool = False
    lost_answers: int = 0
    throttled: int = 0


class MemoryRedeployer:
    """The redeployer of `workload` at the platform."""

    def __init__(self, platform: MemoryPlatform, workload: str, weather: MemoryWeather) -> None:
        self._platform, self._workload, self._weather = platform, workload, weather

    def redeploy(self, label: str) -> None:
        """Starts a rollout that bears `label`. Raises Refused when the platform runs no such workload."""
        guard()
        self._arrive()
        if self._workload != self._platform.workload:
            raise Refused(f"the platform runs no workload {self._workload}")
        self._platform.roll(label)
        if self._weather.lost_answers:
            self._weather.lost_answers -= 1
            raise Transient(f"the platform did not answer when asked to roll out {self._workload}")

    def progress(self, label: str) -> Rollout:
        """How the rollout with `label` stands: the platform's word, and for DONE a look at what lives."""
        self._arrive()
        rollout = self._platform.rollouts.get(label)
        if rollout is None:
            return Rollout(RolloutProgress.FAILED, f"the platform knows no rollout {label}")
        older = sum(instance.started_at < rollout.started_at for instance in self._platform.living)
        if rollout.progress is RolloutProgress.DONE and older:
            sentence = f"waits for {older} instances from before the rollout to end"
            return Rollout(RolloutProgress.PENDING, sentence, self._seen())
        return Rollout(rollout.progress, rollout.sentence, self._seen())

    def starts(self, since: datetime) -> Iterator[Start]:
        """Starts of instances since then."""
        self._arrive()
        return iter([Start(self._workload, "app", at) for at in self._platform.starts if at >= since])

    def _seen(self) -> dict[str, int]:
        oldest: dict[str, int] = {}
        for instance in self._platform.living:
            for name, held in instance.read.items():
                oldest[name] = min(held.version, oldest.get(name, held.version))
        return oldest

    def _arrive(self) -> None:
        """A call reaches the platform, or does not."""
        if self._weather.away:
            raise Transient("the platform does not answer")
        if self._weather.throttled:
            self._weather.throttled -= 1
            raise Transient("the platform says that it is asked too often", retry_after=_LATER)
        self._platform.catch_up()
