"""The sandbox's platform: it runs workloads and rolls them one instance at a time, as Kubernetes does in production.

A rollout bears a label, starts a new instance, waits until that is ready, ends an old one, and goes on. A second
rollout of a workload takes the place of the first. Orders from outside choose the fate of the next rollouts.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol

from rotator.contracts.redeployer import RolloutProgress
from rotator.sandbox.processes import NotReady


class Fate(StrEnum):
    """What becomes of a rollout."""

    FINE = "fine"
    FAILS = "fails"  # its last new instance does not become ready
    HANGS = "hangs"  # it waits for ever for its last new instance
    LIES = "lies"  # it leaves the last old instance alone, and is called done


class Instance(Protocol):
    """One running instance."""

    @property
    def pid(self) -> int:
        """Its process id."""

    @property
    def port(self) -> int:
        """Where it answers, on loopback."""

    @property
    def versions(self) -> Mapping[str, int]:
        """What it read when it started: parameter -> version."""

    def counts(self) -> Mapping[str, int]:
        """What it counted so far."""

    def end(self) -> None:
        """Lets its connections drain, asks it to end, and returns when it is gone."""


#: Starts an instance of a workload by its name and returns when it is ready. Raises NotReady.
Starter = Callable[[str], Instance]


@dataclass(eq=False)
class Living:
    """An instance, and what the platform knows of it."""

    instance: Instance
    started_at: datetime
    ending: bool = False


@dataclass(eq=False)
class Rollout:
    """A rollout as the platform tells it, which need not be true."""

    fate: Fate
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    progress: RolloutProgress = RolloutProgress.PENDING
    sentence: str = "waits for the first new instance"

    def end(self, progress: RolloutProgress, sentence: str) -> None:
        """It ends once; what comes later is ignored."""
        if self.progress is RolloutProgress.PENDING:
            self.progress, self.sentence = progress, sentence


class Workload:
    """The instances of one workload, oldest first, and every rollout there was, by label."""

    def __init__(self, name: str, replicas: int, starter: Starter) -> None:
        self.name = name
        self.starts: list[datetime] = []
        self._replicas, self._starter = replicas, starter
        self._living: list[Living] = []
        self._ended = Counter[str]()
        self._fates = deque[Fate]()
        self._rollouts: dict[str, Rollout] = {}
        self._newest: Rollout | None = None
        self._changed = threading.Condition()  # for all of the above
        self._rolling = threading.Lock()  # held by the rollout that starts and ends instances

    def start(self) -> None:
        """Brings its instances up."""
        for _ in range(self._replicas):
            self._begin()

    def stop(self) -> None:
        """Ends the rollout that is under way, and every instance."""
        with self._changed:
            self._newest = None
            self._changed.notify_all()
        with self._rolling, ThreadPoolExecutor() as together:
            list(together.map(self._end, self.living()))

    def order(self, fates: Iterable[Fate]) -> None:
        """From now on, what becomes of the next rollouts."""
        with self._changed:
            self._fates = deque(fates)

    def roll(self, label: str) -> None:
        """Starts a rollout with `label`, unless there was one; it takes the place of the one that is under way."""
        with self._changed:
            if label in self._rollouts:
                return
            if self._newest is not None:
                self._newest.end(
                    RolloutProgress.FAILED, "another rollout took its place before it was finished"
                )
            rollout = Rollout(self._fates.popleft() if self._fates else Fate.FINE)
            self._newest = self._rollouts[label] = rollout
            self._changed.notify_all()
        threading.Thread(target=self._roll, args=(rollout,), daemon=True).start()

    def living(self) -> list[Living]:
        """Every instance, those that are about to end too."""
        with self._changed:
            return list(self._living)

    def rollouts(self) -> dict[str, Rollout]:
        """Every rollout there was, by label."""
        with self._changed:
            return dict(self._rollouts)

    def counts(self) -> Counter[str]:
        """What all its instances counted, the ended ones too."""
        with self._changed:
            total = Counter(self._ended)
            for living in self._living:
                total.update(living.instance.counts())
            return total

    def _roll(self, rollout: Rollout) -> None:
        with self._rolling:
            try:
                self._replace(rollout)
            except NotReady as trouble:
                rollout.end(RolloutProgress.FAILED, f"a new instance did not start: {trouble}")

    def _replace(self, rollout: Rollout) -> None:
        """One by one: a new instance, ready, then an old one ends; until another rollout takes its place."""
        older = [living for living in self.living() if living.started_at < rollout.started_at]
        for place, old in enumerate(older, 1):
            if self._newest is not rollout:
                return
            if place == len(older) and rollout.fate is not Fate.FINE:
                self._go_wrong(rollout, len(older))
                return
            rollout.sentence = f"waits for {len(older) + 1 - place} of {len(older)} instances to be replaced"
            self._begin()
            self._end(old)
        rollout.end(RolloutProgress.DONE, "every instance is new")

    def _go_wrong(self, rollout: Rollout, instances: int) -> None:
        match rollout.fate:
            case Fate.FAILS:
                sentence = f"1 of {instances} new instances never became ready: CrashLoopBackOff"
                rollout.end(RolloutProgress.FAILED, sentence)
            case Fate.LIES:
                rollout.end(RolloutProgress.DONE, "every instance is new")
            case _:
                rollout.sentence = f"waits for 1 of {instances} new instances to become ready"
                with self._changed:
                    self._changed.wait_for(lambda: self._newest is not rollout)

    def _begin(self) -> None:
        started_at = datetime.now(UTC)
        instance = self._starter(self.name)
        with self._changed:
            self._living.append(Living(instance, started_at))
            self.starts.append(started_at)

    def _end(self, living: Living) -> None:
        with self._changed:
            living.ending = True  # no new peer is sent there
        living.instance.end()
        with self._changed:
            self._living.remove(living)
            self._ended.update(living.instance.counts())


class Platform:
    """All workloads."""

    def __init__(self, replicas: Mapping[str, int], starter: Starter) -> None:
        self.workloads = {name: Workload(name, number, starter) for name, number in replicas.items()}

    def start(self) -> None:
        """Brings every workload up."""
        for workload in self.workloads.values():
            workload.start()

    def stop(self) -> None:
        """Ends every instance."""
        with ThreadPoolExecutor() as together:
            list(together.map(Workload.stop, self.workloads.values()))

    def find(self, label: str) -> tuple[Workload, Rollout] | None:
        """The rollout with that label, and whose it is."""
        for workload in self.workloads.values():
            rollout = workload.rollouts().get(label)
            if rollout is not None:
                return workload, rollout
        return None

    def ports(self, environment: str, name: str = "") -> list[int]:
        """Where the instances of an environment answer, or of one of its workloads.

        Those that are about to end are not sent anybody any more.
        """
        whose = f"{environment}/{name}/" if name else f"{environment}/"
        return [
            living.instance.port
            for workload in self.workloads.values()
            if f"{workload.name}/".startswith(whose)
            for living in workload.living()
            if not living.ending
        ]

    def statistics(self) -> dict[str, int]:
        """What all instances counted, the ended ones too, and how many rollouts there were."""
        total = Counter[str]()
        for workload in self.workloads.values():
            total.update(workload.counts())
            outcomes = Counter(rollout.progress for rollout in workload.rollouts().values())
            total.update(rollouts=outcomes.total(), rollouts_failed=outcomes[RolloutProgress.FAILED])
        return dict(total)
