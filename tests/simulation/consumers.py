"""Consumers: instances read the store once, when they start, hold what they read, and use it all the time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache, partial
from typing import TYPE_CHECKING, TypeVar

from rotator.contracts.guard import CALL_SECONDS
from rotator.contracts.redeployer import Rollout, RolloutProgress, Start
from rotator.model.errors import Refused
from tests.simulation import in_order

T = TypeVar("T")
if TYPE_CHECKING:
    from tests.simulation.gate import Gate
    from tests.simulation.world import World


@dataclass(eq=False)
class Instance:
    """One pod, task or process: what it read, and since when it lives."""

    workload: str
    started_at: float
    read: dict[str, tuple[str, int]]
    #: A rollout that claimed success left it behind.
    left_behind: bool = False
    #: And nothing can show that: no promise covers it.
    unseeable: bool = False
    #: Accepted sets that it has from elsewhere for now: name -> text.
    copies: dict[str, str] = field(default_factory=dict)

    def value(self, name: str) -> str | None:
        """What it holds of a parameter."""
        held = self.read.get(name)
        return held[0] if held else None

    def accepted(self, name: str) -> str | None:
        """The accepted set that it goes by."""
        return self.copies.get(name, self.value(name))

    def accepted_set(self, name: str) -> frozenset[str]:
        """Whose tokens it accepts."""
        return members(self.accepted(name))


@lru_cache
def members(value: str | None) -> frozenset[str]:
    """The members of an accepted set; none when somebody broke it."""
    try:
        return frozenset(json.loads(value or "[]"))
    except ValueError:
        return frozenset()


@dataclass
class Running:
    """One rollout at the platform."""

    label: str
    kind: str  # fine, fails, hangs, lies, refused
    started_at: float
    progress: RolloutProgress = RolloutProgress.PENDING
    sentence: str = "0 instances replaced"


class Workload:
    """The instances of one workload and its rollouts, one at a time."""

    def __init__(self, world: World, name: str, names: set[str], size: int, reports: bool) -> None:
        self.world, self.id, self.names, self.size, self.reports = world, name, names, size, reports
        self.instances: list[Instance] = []
        self.rollouts: dict[str, Running] = {}
        self.newest: Running | None = None
        self.terminating = 0
        self._count = 0

    def living(self) -> list[Instance]:
        """Every instance, terminating ones included."""
        return self.instances

    def begin(self) -> Instance:
        """A new instance: it reads the store as it is now."""
        store = self.world.stores[self.id.partition("/")[0]].by_name
        read = {
            name: (store[name].value, store[name].version) for name in sorted(self.names) if name in store
        }
        started = Instance(self.id, self.world.now, read)
        self.instances.append(started)
        self.world.copies.taken(started)
        self.world.promises.dirty = True
        return started

    def end(self, instance: Instance) -> None:
        """It is gone; what it held was used until now."""
        if instance in self.instances:
            self.world.note_end(instance)
            self.instances.remove(instance)
            self.world.promises.dirty = True

    def redeploy(self, label: str) -> None:
        """Starts a rollout that replaces every instance of now, one by one."""
        if label in self.rollouts:
            return
        world = self.world
        world.hours.restarts(self.id, label)
        in_order.begins(world, self.id, label)
        kind = world.rollout_kind(self.id, label)
        if kind == "refused":
            raise Refused(f"{self.id} cannot be restarted: the platform's admission refuses it")
        if self.newest is not None and self.newest.progress is RolloutProgress.PENDING:
            self.newest.progress = RolloutProgress.FAILED
            self.newest.sentence = "another rollout took its place"
        running = Running(label, kind, world.now)
        self.rollouts[label], self.newest = running, running
        old = list(self.instances)
        if kind == "fails":
            old = old[: world.random.randrange(len(old) + 1)]
        if kind == "hangs":
            old = old[: world.random.randrange(len(old))] if old else []
        if kind == "lies" and old:
            left = old.pop(world.random.randrange(len(old)))
            left.left_behind = True
            left.unseeable = left.unseeable or not world.evidence(self)
        at = world.now
        for instance in old:
            at += world.random.uniform(2, 40)
            world.schedule.at(at, partial(self._replace, running, instance))
        world.schedule.at(at + world.random.uniform(1, 30), lambda: self._finish(running))

    def _replace(self, running: Running, gone: Instance) -> None:
        if self.newest is not running or gone not in self.instances:
            return
        self.begin()
        self.terminating += 1

        def ended() -> None:
            self.terminating -= 1
            self.end(gone)
            self.world.promises.check()

        self.world.schedule.after(self.world.random.uniform(0.5, 30), ended)
        self.world.promises.check()

    def _finish(self, running: Running) -> None:
        if running.progress is not RolloutProgress.PENDING or running.kind == "hangs":
            return
        if running.kind == "fails":
            running.progress = RolloutProgress.FAILED
            running.sentence = "the new instances do not become ready"
        elif self.terminating:
            self.world.schedule.after(5, lambda: self._finish(running))
        else:
            running.progress, running.sentence = RolloutProgress.DONE, "every instance was replaced"

    def seen(self) -> dict[str, int]:
        """The oldest version of each parameter that a living instance reports."""
        oldest: dict[str, int] = {}
        if self.reports:
            for instance in self.instances:
                for name, (_, version) in instance.read.items():
                    oldest[name] = min(version, oldest.get(name, version))
        return oldest

    def churn(self) -> None:
        """Autoscaling or an eviction: an instance comes, or one goes and another takes its place."""
        if len(self.instances) <= self.size and self.world.random.random() < 0.5:
            self.begin()
        elif self.instances:
            self.end(self.world.random.choice(self.instances))
            if len(self.instances) - self.terminating < self.size:
                self.begin()
        self.world.promises.check()


class SimRedeployer:
    """The Redeployer contract, as one process sees one workload."""

    def __init__(self, world: World, gate: Gate, workload: Workload) -> None:
        self._world, self._gate, self._workload = world, gate, workload

    def redeploy(self, label: str) -> None:
        """Starts a rollout; twice with one label is once."""
        self._io("redeploy", lambda: self._workload.redeploy(label), guarded=CALL_SECONDS)

    def progress(self, label: str) -> Rollout:
        """How it stands."""

        def look() -> Rollout:
            running = self._workload.rollouts.get(label)
            if running is None:
                raise Refused(f"{self._workload.id} has no rollout {label}")
            done = running.progress is RolloutProgress.DONE
            return Rollout(running.progress, running.sentence, self._workload.seen() if done else {})

        return self._io("progress", look)

    def starts(self, since: datetime) -> Iterator[Start]:
        """Nobody watches accesses here."""
        self._io("starts", lambda: since)
        return iter(())

    def _io(self, name: str, effect: Callable[[], T], guarded: float | None = None) -> T:
        return self._gate.io(f"redeployer.{name}", effect, of=self._workload.id, guarded=guarded)
