"""One lane of the crash matrix: a small real world, one secret, and as many rotations of it as there are points.

AWS (moto behind the proxy), SMTP and the databases are real processes. What has a stand-in only is played here, and so
are consumers: they read the store when a rollout of their workload starts, hold what they read, and use it all the
time (prober.py).
"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import takewhile
from pathlib import Path

from rotator.journal import SqlJournal, open_journal
from rotator.model.requests import Request, RequestKind
from rotator.model.rotation import Purpose, Rotation, State
from rotator.sandbox.aws import AwsWorld
from rotator.sandbox.people import SMTP_HOST, PeopleWorld
from rotator.sandbox.processes import Child, NotReady, tail
from tests.company.policy import settings
from tests.crash.claims import WAITED_OUT, let_run_out
from tests.crash.companies import Company
from tests.crash.copies import COPIES
from tests.crash.forks import Forks
from tests.crash.made import Made
from tests.crash.orders import Mailbox, Order, Point
from tests.crash.people import NAME as PERSON
from tests.crash.people import Person, asking, process_shown, submits_at
from tests.crash.platforms import PLATFORMS
from tests.crash.platforms.platform import World
from tests.crash.policy import own, written
from tests.crash.prober import Prober
from tests.crash.reckoning import dead, ended_wrongly, lost, orphans, stale, unasked
from tests.crash.roads import Road
from tests.crash.sources import SOURCES
from tests.crash.sources.source import Asked, parameter
from tests.crash.stores import STORES, ParameterStore
from tests.crash.tripwire import EFFECT, is_poll
from tests.crash.verifiers import Verifiers
from tests.crash.witness import SECRET, Witness

#: A rotation that has not ended by then is stuck. On PostgreSQL the dead owner's claim has to run out first.
STUCK_SECONDS = 120.0
_STOP_SECONDS = 25.0
#: Between two looks into the journal, in which a rotation is followed.
_LOOK_SECONDS = 0.1
_TOLD_WITHIN = 60.0
#: Whether a daemon dies at a poll is chance: it is waited for no longer.
_LAST_WORDS_SECONDS = 2.0


@dataclass
class Findings:
    """What must be zero, but for leaks, which are looked for in all lanes at once."""

    dark: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)


class Lane:
    """One company on one kind of journal.

    `made` is where the daemon writes down what create() returned; `chance` draws after which deaths the claim is waited
    out, and not ended.
    """

    def __init__(
        self,
        company: Company,
        folder: Path,
        journal_url: str,
        people: PeopleWorld,
        made: Path,
        chance: random.Random,
    ) -> None:
        self.company, self.folder, self.findings = company, folder, Findings()
        self.journal_url, self._people, self._made = journal_url, people, made
        self.made, self.mailbox = Made(made), Mailbox(folder / "orders")
        self.processes = set[bytes]()  # arguments and environments of all daemons
        self.embedded = journal_url.startswith("sqlite:")
        self._failing: Purpose | None = None
        self._chance = chance
        self._turn, self._redeployed = 0, ""
        self._told = set[str]()
        self._open = ExitStack()
        self._started = False
        folder.mkdir(parents=True, exist_ok=True)
        self.aws = AwsWorld(folder)
        self.source, self._platform = SOURCES[company.source](), PLATFORMS[company.redeployer]()
        self._store = STORES[company.store](self.aws)
        self._mirror = COPIES[company.mirror]() if company.mirror else None
        self.fails = self._platform.fails
        names, living = self.source.parameters, self._platform.living
        copy = self._mirror.holds if self._mirror else lambda _name: None
        self._read = self._store.reader(names)
        self.witness = Witness(self.source, living, self._store.reader(names), self.made, copy)
        self.person = Person(self.source, self.witness, self.made, self.mailbox, folder)
        self.prober = Prober(self.source, living, self._store.reader(names), self.witness.whole, copy)

    def start(self) -> Lane:
        """Brings the world up, unless it is: the far sides, parameters, consumers, and a daemon."""
        if self._started:
            return self
        self._started = True
        enter = self._open.enter_context
        enter(self.aws)
        self._store.start(self.folder, self._open)
        fields = self.source.start(self.folder, self._open)
        if self._mirror:
            self._mirror.start(self.folder, self._open)
        self._seed(fields)
        self._platform.start(self.folder, self._open, World(self._read, self._failing_rollout))
        verifiers = enter(Verifiers(self._everybody_lets_in))
        mirror = (self.company.mirror, self._mirror) if self._mirror else None
        self._seed_own(fields)
        policy = written(self.source, self._store, self._platform, mirror, verifiers.url)
        (self.folder / "policies.yaml").write_text(policy)
        self.mailbox.give(Order())
        self.daemon = self.run_daemon()
        self._open.callback(lambda: self.daemon.stop(_STOP_SECONDS))
        self.prober.start()
        self._open.callback(self.prober.stop)
        return self

    def stop(self) -> None:
        """Ends everything; what the prober found is among the findings."""
        try:
            self._open.close()
        finally:
            self.findings.dark += self.prober.dark

    @cached_property
    def journal(self) -> SqlJournal:
        """The lane's journal, beside the daemon."""
        return open_journal(self.journal_url, daemon=False)

    def run_daemon(self) -> Child:
        """A daemon under test."""
        return self._forks.fork()

    @cached_property
    def _forks(self) -> Forks:
        orders = {"CRASH_ORDERS": str(self.mailbox.folder), "CRASH_MADE": str(self._made)}
        forks = Forks("tests.crash.daemon", self.folder / "daemon.log", {**self.environment(), **orders})
        self._open.callback(forks.close)
        return forks

    # a rotation and what becomes of it

    def trace(self, road: Road) -> list[str]:
        """The points of a rotation without an accident."""
        for _ in range(3):
            at = f"undisturbed, {road.name}"
            self.end(self.begun(road, at, Order()), road, at)
            passed = self.mailbox.trace()
            if not any("checkpoint.retries" in name for name in passed):
                return passed
        raise NotReady("three rotations in a row met trouble that nobody made")

    def rotate(self, road: Road, at: str) -> None:
        """One rotation without an accident."""
        self.end(self.begin(road, at), road, at)

    def rotate_killed_at(self, point: Point, road: Road) -> bool:
        """One rotation with the daemon killed at `point` and started again. False when it never came there."""
        at = f"{road.name}, {point}"
        asked = self.begun(road, at, Order(kill=point))
        if submits_at(point.name):
            self.end(asked, road, at)
            return self.person.met
        killed = self._died_at(point)
        self._go_on(Order(), at, killed=killed)
        self.end(asked, road, at)
        return killed

    def begin(self, road: Road, at: str, order: Order | None = None) -> Request:
        """Asks for a rotation; `order` holds for it."""
        self.prober.at, self._failing = at, road.fails
        self._turn, self._redeployed = self._turn + 1, ""
        self._before = self.witness.stored()
        self._known = {one.id for one in self.journal.rotations(secret=SECRET, limit=1)}
        self.mailbox.give(order or Order())
        if self.source.traits.submitted:
            return self.person.submits(self.journal, self.environment(), self.daemon)
        asked = asking(self.journal, RequestKind.ROTATE, SECRET, by="rig")
        self.journal.add_request(asked)
        return asked

    def end(self, asked: Request, road: Road, at: str) -> None:
        """Waits for the rotation's end, and reckons. Raises NotReady when it does not come."""
        deadline = time.monotonic() + STUCK_SECONDS
        while any((self.under_way(), self.person_looks())):  # both: who is asked at its end looks after it
            if not self.daemon.running:
                code, log = self.daemon.exit_code, tail(self.daemon.log)
                raise NotReady(f"{at}: the daemon ended by itself with {code}: {log}")
            if time.monotonic() > deadline:
                stand = "; ".join(f"{one.state} at {one.phase}, {one.sentence}" for one in self._opened())
                raise NotReady(f"{at}: not ended after {STUCK_SECONDS:.0f} s: {stand or 'never begun'}")
            time.sleep(_LOOK_SECONDS)
        self._note_processes()
        self._reckon(asked, road, at)

    def begun(self, road: Road, at: str, order: Order) -> Request:
        """The rotation that `order` is meant for; where the road begins with a death, after that."""
        if road.first is None:
            return self.begin(road, at, order)
        asked = self.begin(road, at, Order(kill=road.first))
        if not self._died_at(road.first):
            raise NotReady(f"{at}: the daemon did not die {road.first}")
        self._go_on(order, at, killed=True)
        return asked

    def _go_on(self, order: Order, at: str, *, killed: bool) -> None:
        """Another order, and another daemon for one that died; what it has lost is told."""
        self._redeployed = self._redeploy_asked()
        self.mailbox.give(order)
        if killed:
            self._find(self.findings.lost, lost(self.witness.scene(self.journal, self._before)), at)
            if not self.embedded and self._chance.randrange(WAITED_OUT):
                let_run_out(self.journal)
            self.daemon = self.run_daemon()

    def person_looks(self) -> bool:
        """Lets people do what rotations wait for; whether one of them may go on after that."""
        return self.person.sees(self.journal, self._opened(), self._before)

    def _reckon(self, asked: Request, road: Road, at: str) -> None:
        """What is wrong now that it has ended."""
        became = next(
            (one.rotation for one in self.journal.requests(waiting=False) if one.id == asked.id), None
        )
        rotation = self.journal.rotation(became) if became else None
        opened = [one.id for one in self._opened()]
        scene = self.witness.scene(self.journal, self._before)
        ended = ended_wrongly(rotation, road.ends, self._before, scene.stored)
        self._find(self.findings.dark, dead(scene), at)
        self._find(self.findings.lost, [*ended, *lost(scene), *stale(scene)], at)
        self._find(self.findings.orphans, [*orphans(scene), *unasked(opened, became)], at)

    def _find(self, found: list[str], lines: Iterable[str], at: str) -> None:
        """Adds what was not found before: what is left over stays so."""
        fresh = [line for line in lines if line not in self._told]
        self._told.update(fresh)
        found += [f"{at}: {line}" for line in fresh]
        for line in fresh:  # hours may pass until the last line
            print(f"found: {self.company}: {at}: {line}", flush=True)

    def under_way(self) -> bool:
        """Whether the rotation that was asked for last has not ended, or not begun; a yes may be on its way to it."""
        opened = self._opened()
        answered = [one.about for one in self.journal.requests(waiting=True) if one.by == PERSON]
        return not opened or any(one.state is State.ACTIVE or one.id in answered for one in opened)

    def let_all_be_told(self) -> None:
        """Until people have been told of everything, and of a rotation that was just undone for one."""
        deadline = time.monotonic() + _TOLD_WITHIN
        undone = any(one.state is State.UNDONE for one in self.journal.rotations(limit=1))
        while time.monotonic() < deadline:
            rows = self.journal.alerts()
            if all(row.told for row in rows) and (rows or not undone):
                return
            time.sleep(0.2)

    # looks

    def environment(self) -> dict[str, str]:
        """What a daemon is told."""
        logins = self._people.logins
        return {
            **self.aws.environment("rotator"),
            **settings(),
            **self.source.environment(),
            **self._platform.environment(),
            **self._store.environment(),
            **(self._mirror.environment() if self._mirror else {}),
            "ROTATOR_JOURNAL": self.journal_url,
            "ROTATOR_POLICIES": str(self.folder / "policies.yaml"),
            # Not more often than AWS lets parameters be listed: who has to wait does not die at the point.
            "ROTATOR_SCAN_EVERY": "0.6s",
            "ROTATOR_ALERTS_EVERY": "2s",
            "ROTATOR_SIGNED_REQUEST_LIFE": "5s",
            "ROTATOR_SMTP_HOST": SMTP_HOST,
            "ROTATOR_SMTP_PORT": str(self._people.smtp_port),
            "ROTATOR_SMTP_USER": logins.smtp_username,
            "ROTATOR_SMTP_PASSWORD": logins.smtp_password,
            "ROTATOR_SMTP_FROM": "rotator@taly.example",
            "ROTATOR_SMTP_CA_FILE": str(self._people.ca_file),
        }

    def _died_at(self, point: Point) -> bool:
        """Whether the daemon came to the point and was killed there; False also when it died of anything else."""
        deadline = time.monotonic() + STUCK_SECONDS
        while self.daemon.running and self.under_way() and time.monotonic() < deadline:
            self.person_looks()
            time.sleep(_LOOK_SECONDS)
        with suppress(NotReady):  # after the last commit everybody sees the end, and it dies only then
            self.daemon.wait(_LAST_WORDS_SECONDS if is_poll(point.name) else STUCK_SECONDS)
        passed, code = self.mailbox.trace(), self.daemon.exit_code
        if code == -signal.SIGKILL and point.name in passed:
            return True
        # By chance it is seldom, and nobody can tell afterwards why.
        print(
            f"not met: {self.company}: {point}: exit code {code}; passed: {' '.join(passed[-40:])}",
            flush=True,
        )
        return False

    def _opened(self) -> list[Rotation]:
        """Rotations that are newer than what was asked for last."""
        newest = self.journal.rotations(secret=SECRET, limit=5)
        return list(takewhile(lambda one: one.id not in self._known, newest))

    def _failing_rollout(self) -> str:
        """Which rollout the platform is to fail: the one that was asked for last, if the road fails it."""
        asked = self._redeploy_asked()
        return f"{asked} of {self._turn}" if self._failing and asked == self._failing else ""

    def _redeploy_asked(self) -> str:
        """What the rollout is for that a redeployer was asked for last; empty before the first one."""
        asked = [
            name for name in self.mailbox.trace() if "/redeployer.redeploy#" in name and EFFECT not in name
        ]
        return asked[-1].partition("/")[0].removeprefix("rollout.") if asked else self._redeployed

    def _everybody_lets_in(self, asked: Asked) -> bool:
        return all(self.source.lets_in(instance.held, asked) for instance in self._platform.living())

    def _seed(self, fields: Mapping[str, str]) -> None:
        """What consumers read, before they start."""
        values = {parameter(field): value for field, value in fields.items()}
        if self.source.accepted_as:
            values[self.source.accepted_as] = self.source.first_set(fields)
        self._store.put(values)

    def _seed_own(self, fields: Mapping[str, str]) -> None:
        """What rotator logs in with, at everybody who wants that."""
        mirrors = self._mirror.own() if self._mirror else {}
        logins = {**self.source.own(), **self._platform.own(), **self._store.own(), **mirrors}
        ParameterStore(self.aws).put(own(logins))
        self.witness.begin(fields, [*logins.values()])

    def _note_processes(self) -> None:
        """What others on its machine can read of the daemon, and of the verbs that people ran."""
        self.processes |= process_shown(self.daemon) | self.person.submitting
