"""One lane of the crash matrix: a small real world, one secret, and as many rotations of it as there are points.

AWS (moto behind the proxy), PostgreSQL and SMTP are real processes. Consumers are played here: they read the store
when a rollout of their workload starts, hold what they read, and use it all the time (prober.py).
"""

from __future__ import annotations

import secrets
import signal
import sys
import time
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import takewhile
from pathlib import Path

from rotator.journal import SqlJournal, open_journal
from rotator.model.requests import Request, RequestKind
from rotator.model.rotation import Purpose, Rotation, State
from rotator.sandbox.aws import AwsWorld
from rotator.sandbox.demo.seeds import prepare_database
from rotator.sandbox.people import SMTP_HOST, PeopleWorld
from rotator.sandbox.postgres import EmbeddedPostgres
from rotator.sandbox.processes import Child, NotReady, tail
from tests.company.consumers import Consumers, Reading
from tests.company.policy import policy, settings
from tests.company.secret import UsedSecret, logs_in
from tests.company.store import CompanyStore
from tests.crash.made import Made
from tests.crash.orders import Mailbox, Order, Point
from tests.crash.prober import Prober
from tests.crash.reader import Reader
from tests.crash.reckoning import dead, ended_wrongly, lost, orphans, unasked
from tests.crash.roads import Road
from tests.crash.witness import Witness

ENVIRONMENT = "staging"
SOURCES = {"jwt": "JWT_SECRET", "token": "INTERNAL_API_TOKEN", "postgres": "DATABASE_URL"}
#: A rotation that has not ended by then is stuck. On PostgreSQL the dead owner's claim has to run out first.
STUCK_SECONDS = 120.0
_STOP_SECONDS = 25.0
_TOLD_WITHIN = 20.0
_LAST_WORDS_SECONDS = 2.0


@dataclass
class Findings:
    """What must be zero, but for leaks, which are looked for in all lanes at once."""

    dark: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)


class Lane:
    """One source on one kind of journal. `made` is where the daemon writes down what create() returned."""

    def __init__(self, source: str, folder: Path, journal_url: str, people: PeopleWorld, made: Path) -> None:
        self.source, self.folder, self.findings = source, folder, Findings()
        self.used = UsedSecret(ENVIRONMENT, SOURCES[source], source)
        self.journal_url, self._people, self._made = journal_url, people, made
        self.made, self.mailbox = Made(made), Mailbox(folder / "orders")
        self.processes = set[bytes]()  # arguments and environments of all daemons
        self.embedded = journal_url.startswith("sqlite:")
        self._failing: Purpose | None = None
        self._told = set[str]()
        self._open = ExitStack()
        self._started = False
        folder.mkdir(parents=True, exist_ok=True)
        self.aws = AwsWorld(folder)
        self.database: EmbeddedPostgres | None = None
        self.consumers = Consumers(self._read, fails=self._fails)
        self.witness = Witness(self.used, self.consumers, self._read, self.made)
        read = Reader(self.aws, self.used.parameters).read
        self.prober = Prober(self.used, self.consumers, read, logs_in)

    def start(self) -> Lane:
        """Brings the world up, unless it is: parameters, roles, consumers, and a daemon."""
        if self._started:
            return self
        self._started = True
        self._open.callback(self.consumers.stop)
        self._open.enter_context(self.aws)
        self._store = CompanyStore(self.aws, [self.used])
        databases, logins = {}, {}
        if self.source == "postgres":
            self.database = self._open.enter_context(EmbeddedPostgres(self.folder / "postgres"))
            logins[ENVIRONMENT] = prepare_database(self.database)
            databases[ENVIRONMENT] = f"{self.database.host}:{self.database.port}"
        self._store.seed(logins)
        self.witness.begin([dsn for _, dsn in logins.values()], self.database)
        written = policy([self.used], self.consumers.address, databases)
        (self.folder / "policies.yaml").write_text(written)
        self.consumers.start(ENVIRONMENT)
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
        orders = {"CRASH_ORDERS": str(self.mailbox.folder), "CRASH_MADE": str(self._made)}
        command = [sys.executable, "-m", "tests.crash.daemon"]
        log, environment = self.folder / "daemon.log", {**self.environment(), **orders}
        return Child("the daemon under test", command, log=log, environment=environment)

    # a rotation and what becomes of it

    def trace(self, road: Road) -> list[str]:
        """The points of a rotation without an accident."""
        for _ in range(3):
            self.rotate(road, f"undisturbed, {road.name}")
            passed = self.mailbox.trace()
            if not any("checkpoint.retries" in name for name in passed):
                return passed
        raise NotReady(f"three rotations of {self.used.id} in a row met trouble that nobody made")

    def rotate(self, road: Road, at: str) -> None:
        """One rotation without an accident."""
        self.end(self.begin(road, at), road, at)

    def rotate_killed_at(self, point: Point, road: Road) -> bool:
        """One rotation with the daemon killed at `point` and started again. False when it never came there."""
        at = f"{road.name}, {point}"
        asked = self.begin(road, at, Order(kill=point))
        killed = self._died_at(point)
        self.mailbox.give(Order())
        if killed:
            self._find(self.findings.lost, lost(self.witness.scene(self.journal, self._before)), at)
            self.daemon = self.run_daemon()
        self.end(asked, road, at)
        return killed

    def begin(self, road: Road, at: str, order: Order | None = None) -> Request:
        """Asks for a rotation; `order` holds for it."""
        self.prober.at, self._failing = at, road.fails
        self._before = self.witness.stored()
        self._known = {one.id for one in self.journal.rotations(secret=self.used.id, limit=1)}
        self.mailbox.give(order or Order())
        request = Request(
            id=secrets.token_hex(8),
            kind=RequestKind.ROTATE,
            about=self.used.id,
            by="rig",
            at=self.journal.now(),
        )
        self.journal.add_request(request)
        return request

    def end(self, asked: Request, road: Road, at: str) -> None:
        """Waits for the rotation's end, and reckons. Raises NotReady when it does not come."""
        deadline = time.monotonic() + STUCK_SECONDS
        while self.under_way():
            if not self.daemon.running:
                code, log = self.daemon.exit_code, tail(self.daemon.log)
                raise NotReady(f"{at}: the daemon ended by itself with {code}: {log}")
            if time.monotonic() > deadline:
                stand = "; ".join(f"{one.state} at {one.phase}, {one.sentence}" for one in self._opened())
                raise NotReady(f"{at}: not ended after {STUCK_SECONDS:.0f} s: {stand or 'never begun'}")
            time.sleep(0.05)
        self._note_process()
        self._reckon(asked, road, at)

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
        self._find(self.findings.lost, [*ended, *lost(scene)], at)
        self._find(self.findings.orphans, [*orphans(scene), *unasked(opened, became)], at)

    def _find(self, found: list[str], lines: Iterable[str], at: str) -> None:
        """Adds what was not found before: what is left over stays so."""
        fresh = [line for line in lines if line not in self._told]
        self._told.update(fresh)
        found += [f"{at}: {line}" for line in fresh]

    def under_way(self) -> bool:
        """Whether the rotation that was asked for last has not ended, or not begun."""
        opened = self._opened()
        return not opened or any(one.state is State.ACTIVE for one in opened)

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
            **settings(self.consumers.address),
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
            time.sleep(0.05)
        with suppress(NotReady):  # after the last commit everybody sees the end, and it dies only then
            self.daemon.wait(_LAST_WORDS_SECONDS)
        return self.daemon.exit_code == -signal.SIGKILL and point.name in self.mailbox.trace()

    def _opened(self) -> list[Rotation]:
        """Rotations that are newer than what was asked for last."""
        newest = self.journal.rotations(secret=self.used.id, limit=5)
        return list(takewhile(lambda one: one.id not in self._known, newest))

    def _fails(self, label: str) -> bool:
        """Whether the platform was ordered to fail this rollout."""
        return self._failing is not None and self.journal.rollouts([label])[0].purpose is self._failing

    def _note_process(self) -> None:
        """Its arguments and its environment, which others on its machine can read."""
        place = Path(f"/proc/{self.daemon.pid}")
        with suppress(FileNotFoundError, ProcessLookupError):  # it is gone: the next rotation says so
            self.processes |= {(place / "cmdline").read_bytes(), (place / "environ").read_bytes()}

    def _read(self, environment: str) -> Reading:
        return self._store.read(environment)
