"""Sweeps: the accidents of every company on every kind of journal, dealt out to lanes that run side by side.

CI tries one kill of each phase on each road of two sources (`_THROUGHOUT`): of token on both kinds of journal, of
postgres on one. Of every other company it loses a few answers of the adapter that the company is there for, and tries
a point more. Which journal, which answers and which points, a seed decides: so that each run tries others.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Self

import psycopg
from psycopg import sql

from rotator.sandbox.demo.leaks import leaks
from rotator.sandbox.people import PeopleWorld
from rotator.sandbox.postgres import EmbeddedPostgres
from rotator.sandbox.processes import NotReady
from tests.crash.companies import Company
from tests.crash.freeze import freeze_beside_a_second, freeze_submitting, rotate_frozen
from tests.crash.leaks import places, searched
from tests.crash.matrix import Freeze, Kill, Traces, dealt, drawn, few, freezes, kills, sampled
from tests.crash.people import submits_at
from tests.crash.rig import Lane
from tests.crash.roads import roads_of

JOURNALS = ("sqlite", "postgresql")
#: On PostgreSQL each point waits for a dead owner's claim, so its points are shared out among more lanes.
_SHARES = {"all": {"sqlite": 3, "postgresql": 4}, "ci": {"sqlite": 1, "postgresql": 3}}
_FREEZES_IN_CI = 2
_BOTH_JOURNALS = Company("token")
_THROUGHOUT = (_BOTH_JOURNALS, Company("postgres"))
_LOST_ANSWERS = 2
#: On a slow machine a rotation may pass a point by: a grace that is over at once leaves no commit of its own. What no
#: rotation of so many comes to is missed.
_TRIES = 3


@dataclass
class Sweep:
    """A share of the accidents of one company on one kind of journal, and what came of them.

    `throughout`: with its siblings it tries every phase of every road.
    """

    name: str
    lane: Lane
    cases: Sequence[Kill | Freeze] = ()
    reached: list[Kill | Freeze] = field(default_factory=list)
    skipped: list[Kill | Freeze] = field(default_factory=list)
    throughout: bool = True

    @property
    def missed(self) -> list[Kill | Freeze]:
        """Those that did not happen and should have."""
        return [case for case in self.cases if case not in self.reached and case not in self.skipped]

    def traces(self) -> Traces:
        """What rotations on each road pass; nothing where they do not even end undisturbed."""
        try:
            self.lane.start()
            roads = roads_of(self.lane.source.traits, fails=self.lane.fails)
            return {road: self.lane.trace(road) for road in roads}
        except NotReady as trouble:
            self.lane.findings.stuck.append(f"{self.name}: {trouble}")
            return {}

    def run(self) -> Sweep:
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
        return self

    def _happened(self, case: Kill | Freeze) -> bool:
        if isinstance(case, Kill):
            tries = 1 if case.chance else _TRIES
            return any(self.lane.rotate_killed_at(case.point, case.road) for _ in range(tries))
        if submits_at(case.effect):
            return freeze_submitting(self.lane, case.effect, case.road)
        freeze = freeze_beside_a_second if self.lane.embedded else rotate_frozen
        return freeze(self.lane, case.effect, case.road)


class Sweeps:
    """What all of them share: a server for journals, people who read alerts, and a pool of threads."""

    def __init__(self, part: str, lanes: int, seed: int, more: int = 1) -> None:
        """`more`: how many points CI draws of each company."""
        self._part, self._lanes, self._seed, self._more = part, lanes, seed, more
        self._open, self._making = ExitStack(), Lock()

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

    def run(self, companies: Sequence[Company], journals: Sequence[str]) -> list[Sweep]:
        """Everything, side by side: first what there is to try, then the trying."""
        fields = [
            (company, journal)
            for number, company in enumerate(companies)
            for journal in self._journals_of(company, number, journals)
        ]
        begun = [self._pool.submit(self._swept, company, journal) for company, journal in fields]
        return [sweep.result() for some in begun for sweep in some.result()]

    def _swept(self, company: Company, journal: str) -> list[Future[Sweep]]:
        """One company on one kind of journal: what there is to try, then this share of the trying, and the others'."""
        first, shares = self._sweep(company, journal, 0), self._shares(company, journal)
        cases = self._cases(first.traces(), company, journal)
        others = [self._sweep(company, journal, number) for number in range(1, shares)]
        for number, each in enumerate((first, *others)):
            each.cases = dealt(cases, number, shares)
        print(f"{company} on {journal}: {len(cases)} accidents", flush=True)
        running = [self._pool.submit(each.run) for each in others]
        return [done(first.run()), *running]

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

    def _journals_of(self, company: Company, number: int, journals: Sequence[str]) -> Sequence[str]:
        if self._part == "all" or company == _BOTH_JOURNALS:
            return journals
        return [journals[(self._seed + number) % len(journals)]]

    def _throughout(self, company: Company) -> bool:
        return self._part == "all" or company in _THROUGHOUT

    def _shares(self, company: Company, journal: str) -> int:
        return _SHARES[self._part][journal] if self._throughout(company) else 1

    def _cases(self, traces: Traces, company: Company, journal: str) -> list[Kill | Freeze]:
        if not self._throughout(company):
            chance = random.Random(f"{self._seed} {company} {journal}")
            return [*drawn(traces, company.about, _LOST_ANSWERS, self._more, chance)]
        killed, frozen = kills(traces), freezes(traces)
        if self._part == "ci":
            turn = _THROUGHOUT.index(company)
            killed = sampled(killed, JOURNALS.index(journal), len(JOURNALS))
            frozen = few(frozen, _FREEZES_IN_CI, turn=turn)
        return [*killed, *(frozen[:1] if journal == "sqlite" else frozen)]

    def _sweep(self, company: Company, journal: str, number: int) -> Sweep:
        name = f"{company.slug}-{journal}-{number}"
        folder = self._folder / name
        if journal == "sqlite":
            url = f"sqlite:///{folder}/journal.sqlite"
        else:
            url = self._database(name.replace("-", "_"))
        chance = random.Random(f"{self._seed} {name}")
        lane = Lane(company, folder, url, self._people, self._made / name, chance)
        return Sweep(name, lane, throughout=self._throughout(company))

    def _database(self, name: str) -> str:
        with self._making, psycopg.connect(self._journals.superuser_dsn(), autocommit=True) as session:
            session.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self._journals.superuser_dsn(name)


def done(sweep: Sweep) -> Future[Sweep]:
    """One that has been run."""
    result = Future[Sweep]()
    result.set_result(sweep)
    return result
