"""Sweeps: the accidents of every source on every kind of journal, dealt out to lanes that run side by side."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psycopg
from psycopg import sql

from rotator.sandbox.demo.leaks import leaks
from rotator.sandbox.people import PeopleWorld
from rotator.sandbox.postgres import EmbeddedPostgres
from rotator.sandbox.processes import NotReady
from tests.crash.freeze import freeze_beside_a_second, rotate_frozen
from tests.crash.leaks import places, searched
from tests.crash.matrix import Freeze, Kill, Traces, dealt, few, freezes, kills, sampled
from tests.crash.rig import SOURCES, Lane
from tests.crash.roads import roads_of
from tests.crash.witness import TRAITS

JOURNALS = ("sqlite", "postgresql")
#: On PostgreSQL each point waits for a dead owner's claim, so its points are shared out.
_SHARES = {"all": {"sqlite": 1, "postgresql": 4}, "ci": {"sqlite": 1, "postgresql": 3}}
_FREEZES_IN_CI = 2


@dataclass
class Sweep:
    """A share of the accidents of one source on one kind of journal, and what came of them."""

    name: str
    lane: Lane
    cases: Sequence[Kill | Freeze] = ()
    reached: list[Kill | Freeze] = field(default_factory=list)
    skipped: list[Kill | Freeze] = field(default_factory=list)

    @property
    def missed(self) -> list[Kill | Freeze]:
        """Those that did not happen and should have."""
        return [case for case in self.cases if case not in self.reached and case not in self.skipped]

    def traces(self) -> Traces:
        """What rotations on each road pass; nothing where they do not even end undisturbed."""
        try:
            self.lane.start()
            return {road: self.lane.trace(road) for road in roads_of(TRAITS[self.lane.source])}
        except NotReady as trouble:
            self.lane.findings.stuck.append(f"{self.name}: {trouble}")
            return {}

    def run(self) -> None:
        """One accident after the other; a lane that is stuck goes no further."""
        try:
            self.lane.start()
            for case in self.cases:
                if self._happened(case):
                    self.reached.append(case)
                elif isinstance(case, Kill) and case.chance:
                    self.skipped.append(case)
            self.lane.let_all_be_told()
        except NotReady as trouble:
            self.lane.findings.stuck.append(f"{self.name}: {trouble}")
        finally:
            self.lane.stop()
        print(f"{self.name}: {len(self.reached)} of {len(self.cases)}", flush=True)

    def _happened(self, case: Kill | Freeze) -> bool:
        if isinstance(case, Kill):
            return self.lane.rotate_killed_at(case.point, case.road)
        freeze = freeze_beside_a_second if self.lane.embedded else rotate_frozen
        return freeze(self.lane, case.effect, case.road)


class Sweeps:
    """What all of them share: a server for journals, people who read alerts, and a pool of threads."""

    def __init__(self, part: str, lanes: int) -> None:
        self._part, self._lanes = part, lanes
        self._open = ExitStack()

    def __enter__(self) -> Self:
        enter = self._open.enter_context
        self._folder = Path(enter(tempfile.TemporaryDirectory(prefix="rotator-crash-")))
        self._made = Path(enter(tempfile.TemporaryDirectory(prefix="rotator-crash-made-")))
        self._journals = enter(EmbeddedPostgres(self._folder / "journals", max_connections=300))
        self._people = enter(PeopleWorld(self._folder))
        self._pool = enter(ThreadPoolExecutor(self._lanes))
        return self

    def __exit__(self, *_gone: object) -> None:
        self._open.close()

    def run(self, sources: Sequence[str], journals: Sequence[str]) -> list[Sweep]:
        """Everything, side by side: first what there is to try, then the trying."""
        fields = [(source, journal) for source in sources for journal in journals]
        first = [self._sweep(source, journal, 0) for source, journal in fields]
        traced = list(self._pool.map(Sweep.traces, first))
        sweeps = []
        for (source, journal), sweep, traces in zip(fields, first, traced, strict=True):
            shares = _SHARES[self._part][journal]
            others = [self._sweep(source, journal, number) for number in range(1, shares)]
            for number, each in enumerate((sweep, *others)):
                each.cases = dealt(self._cases(traces, source, journal), number, shares)
                sweeps.append(each)
        list(self._pool.map(Sweep.run, sweeps))
        return sweeps

    def leaks(self, sweeps: Sequence[Sweep]) -> list[str]:
        """Values that stand where they must not."""
        values = {}
        for sweep in sweeps:
            values.update(searched(sweep.lane.made.all(), sweep.name))
        journals = {sweep.name: sweep.lane.journal_url for sweep in sweeps}
        processes = {sweep.name: sweep.lane.processes for sweep in sweeps}
        return leaks(values, places(self._folder, journals, self._people.control, processes))

    def mails(self) -> int:
        """How many messages people got."""
        return len(self._people.control.messages()["mail"])

    def _cases(self, traces: Traces, source: str, journal: str) -> list[Kill | Freeze]:
        killed, frozen = kills(traces), freezes(traces)
        if self._part == "ci":
            killed = sampled(killed, JOURNALS.index(journal), len(JOURNALS))
            frozen = few(frozen, _FREEZES_IN_CI, turn=list(SOURCES).index(source))
        return [*killed, *(frozen[:1] if journal == "sqlite" else frozen)]

    def _sweep(self, source: str, journal: str, number: int) -> Sweep:
        name = f"{source}-{journal}-{number}"
        folder = self._folder / name
        if journal == "sqlite":
            url = f"sqlite:///{folder}/journal.sqlite"
        else:
            url = self._database(name.replace("-", "_"))
        return Sweep(name, Lane(source, folder, url, self._people, self._made / name))

    def _database(self, name: str) -> str:
        with psycopg.connect(self._journals.superuser_dsn(), autocommit=True) as session:
            session.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self._journals.superuser_dsn(name)
