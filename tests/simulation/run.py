"""One run: a seed's world, its replicas with their tasks, a hostile part, a calm part, and the verdict."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from rotator.engine.alerts import keep_alerts
from rotator.engine.census import take_census
from rotator.engine.ownership import hold_environments
from rotator.engine.requests import carry_out_requests
from rotator.engine.scan import open_due, survey
from rotator.engine.settings import Bounds
from rotator.engine.worker import Worker
from rotator.model.errors import RotatorError
from rotator.model.rotation import State
from tests.delivery import deliver_due
from tests.simulation import as_declared, by_hand, in_order, logs, one_document
from tests.simulation.database import open_database
from tests.simulation.endings import judge
from tests.simulation.faults import Faults
from tests.simulation.gate import Gate, Surprise
from tests.simulation.parts import SimParts
from tests.simulation.people import People
from tests.simulation.schedule import HOUR, MINUTE, Process, moment
from tests.simulation.shape import draw
from tests.simulation.violation import Violated
from tests.simulation.world import World


@dataclass
class Outcome:
    """What came of a run."""

    seed: int
    violation: str = ""
    promise: str = ""
    faults: list[str] = field(default_factory=list)
    coverage: dict[tuple[str, str], int] = field(default_factory=dict)
    ios: int = 0
    done: int = 0
    undone: int = 0
    parked: int = 0
    dark_longest: float = 0.0
    story: list[str] = field(default_factory=list)


class Run:
    """Everything of one run."""

    def __init__(self, seed: int, only: Collection[str] | None = None) -> None:
        self.faults = Faults(seed, only)
        shape = draw(Random(seed))
        by_hand.add(shape, seed)
        one_document.add(shape, seed)
        in_order.arrange(shape, seed)
        as_declared.arrange(shape, seed)
        shape.replicas = max(shape.replicas, 2 if self.faults.late_hands or self.faults.unrecorded else 1)
        self.world = World(seed, shape, self.faults)
        self.random = Random(seed ^ 0xF00D)
        self._names = 0
        self._snapshots: list[bytes] = []
        self.database = open_database(self.world.schedule.datetime, self.world.new_id)
        self.world.database = self.database
        self.people = People(self, seed)
        self.world.tempt, self.world.watch = self.people.race, self.people.watch
        self.bounds = Bounds(poll=timedelta(seconds=6))  # a third of the calls, the same turns

    def play(self) -> None:
        """Raises Violated when a promise does not hold."""
        world, shape = self.world, self.world.shape
        self.people.plan()
        one_document.plan_edits(world, world.seed)
        for hour in range(int(shape.hostile_for / HOUR)):
            world.schedule.at(hour * HOUR + self.random.uniform(0, HOUR), self._keep_copy)
        for _ in range(shape.replicas):
            self._start(self.random.uniform(0, 60))
        world.schedule.run(shape.hostile_for)
        self.faults.on = False
        self.people.reassure()
        world.schedule.run(shape.hostile_for + shape.calm_for)
        judge(world, self.database)
        self.people.maker.judge()

    # the journal

    def _keep_copy(self) -> None:
        self._snapshots.append(self.database.snapshot())

    def restore_journal(self, copy: bytes | None = None) -> None:
        """Every process is gone with the journal's machine; new ones begin on an earlier copy."""
        if copy is not None or self._snapshots:
            self.database.restore(copy or self.random.choice(self._snapshots))
            self.world.promises.journal_restored(self.database.rotations(unfinished=True))
            self._begin_anew()

    def lose_journal(self) -> None:
        """As restore_journal(), and there is no copy."""
        self.database.lose(self.world.new_id())
        self._begin_anew()

    def _begin_anew(self) -> None:
        self.world.holders.clear()
        self.world.raced.clear()
        self.world.leftovers.journal_anew()
        self.world.telling.journal_anew()
        for process in list(self.world.processes):
            process.crash()

    # processes

    def end(self) -> None:
        """Nothing of it runs any more: a greenlet that stands still would keep all of its world."""
        for process in self.world.processes:
            process.on_death = _nobody_follows
            process.crash()

    def _start(self, delay: float) -> None:
        self._names += 1
        process = Process(self.world.schedule, f"replica-{self._names}")
        process.on_death = lambda: self._gone(process)
        self.world.processes.append(process)
        Replica(self, process).start(delay)

    def _gone(self, process: Process) -> None:
        self.world.processes.remove(process)
        self._start(self.random.choice((3, 20, 90, 400)) * self.random.random())


def _nobody_follows() -> None:
    """The run is over."""


class Replica:
    """The daemon, as far as the engine is concerned: workers, their heartbeat, and the beat of everything else."""

    def __init__(self, run: Run, process: Process) -> None:
        self.run, self.process, self.world = run, process, run.world
        self.parts = SimParts(run.world, Gate(run.world, process, works=False))
        its_own = SimParts(run.world, Gate(run.world, process, works=True))
        self.worker = Worker(its_own, process.name, run.bounds, lambda: process.stopping)
        self.first = run.world.now == 0
        self._running = 2
        self._beats = 0

    def start(self, delay: float) -> None:
        """Begins its tasks."""
        self.process.start(self._work, delay)
        self.process.start(
            self._beat, delay if self.first else delay + self.run.random.uniform(0, 20) * MINUTE
        )

    def _work(self) -> None:
        while not self.process.stopping:
            self._rest()
            try:
                self._work_once()
            except (RotatorError, Surprise):
                self.process.pause(5)
        self._ended()

    def _work_once(self) -> None:
        renewing = True
        every = self.run.bounds.lease.total_seconds() / 3

        def heartbeat() -> None:
            if renewing and not self.process.dead:
                self.process.start(self._renew, 0)
                self.world.schedule.after(every, heartbeat)

        beat = self.world.schedule.after(every, heartbeat)
        try:
            self.worker.work(self.world.shape.limit)
        finally:
            renewing = False
            beat.cancelled = True

    def _renew(self) -> None:
        with suppress(RotatorError):
            self.worker.renew()

    def _rest(self) -> None:
        """Until something is due, as it stands or as the journal changes."""
        while not self.process.stopping:
            due = self.run.database.next_due()
            if due is not None and moment(due) <= self.world.now:
                return
            until = self.world.now + HOUR if due is None else moment(due) + self.run.random.random()
            self.process.doze(until)

    def _beat(self) -> None:
        while not self.process.stopping:
            for job in self._jobs():
                try:
                    job()
                except (RotatorError, Surprise) as trouble:
                    self.world.seen_by_people(str(trouble))
            self._beats += 1
            wait = self.run.random.uniform(
                *((1, 4) if self.first and self._beats < 3 else (15, 45) if self.run.faults.on else (50, 100))
            )
            self.process.pause(wait * MINUTE * self.world.shape.replicas**0.7)
        self._ended()

    def _jobs(self) -> list[Callable[[], object]]:
        parts = self.parts
        jobs: list[Callable[[], object]] = [
            lambda: hold_environments(parts),
            lambda: survey(parts),
            lambda: carry_out_requests(parts),
            lambda: open_due(parts),
            self._keep_alerts,
            self._deliver_alerts,
        ]
        if self._beats % 4 == 1 or not self.run.faults.on:
            jobs.insert(4, lambda: take_census(parts))
        return jobs

    def _keep_alerts(self) -> None:
        telling = self.world.telling
        with telling.round("keep") as this:
            keep_alerts(self.parts)
        telling.kept(this)

    def _deliver_alerts(self) -> None:
        telling = self.world.telling
        with telling.round("deliver") as this:
            deliver_due(self.parts, self.parts.channels, self.process.name, self.run.bounds)
        telling.delivered(this)

    def _ended(self) -> None:
        self._running -= 1
        if not self._running:
            self.process.crash()


def simulate(seed: int, only: Collection[str] | None = None) -> Outcome:
    """Plays one seed."""
    run = Run(seed, only)
    outcome = Outcome(seed)
    with logs.watched(run.world):
        try:
            run.play()
        except Violated as violated:
            outcome.promise, outcome.violation = violated.promise, str(violated)
            outcome.story = logs.story(run.world, run.database)
        finally:
            run.end()
    outcome.faults, outcome.coverage = run.faults.injected, dict(run.faults.coverage)
    outcome.ios, outcome.dark_longest = run.world.ios, run.world.promises.dark_longest
    states = [rotation.state for rotation in run.database.rotations()]
    outcome.done, outcome.undone, outcome.parked = (
        states.count(state) for state in (State.DONE, State.UNDONE, State.PARKED)
    )
    return outcome
