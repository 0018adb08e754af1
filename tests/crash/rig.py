"""One lane of the crash matrix: a small real world, one secret, and as many rotations of it as there are points.

AWS (moto behind the proxy) and PostgreSQL are real processes. Consumers are played here: they read the store when a
rollout of their workload starts, and hold what they read. After each kill and each end, what consumers hold and what
the store names is used as a consumer would; a refusal is counted as dark.
"""

from __future__ import annotations

import json
import secrets
import sys
import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import psycopg

from rotator.contracts.journal import Journal
from rotator.journal import open_journal
from rotator.model.requests import Request, RequestKind
from rotator.model.rotation import Rotation, State
from rotator.sandbox.aws import AwsWorld
from rotator.sandbox.demo.seeds import USERS, prepare_database
from rotator.sandbox.postgres import EmbeddedPostgres
from rotator.sandbox.processes import Child, NotReady, tail
from tests.company.consumers import Consumers, Reading
from tests.company.policy import policy, settings
from tests.company.secret import Held, UsedSecret, logs_in
from tests.company.store import CompanyStore
from tests.crash.tripwire import Point

ENVIRONMENT = "staging"
SOURCES = {"jwt": "JWT_SECRET", "token": "INTERNAL_API_TOKEN", "postgres": "DATABASE_URL"}
#: A rotation that has not ended by then is stuck. On PostgreSQL the dead owner's claim has to run out first.
STUCK_SECONDS = 120.0


@dataclass
class Findings:
    """What must be zero."""

    dark: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)


class Lane:
    """One source on one kind of journal."""

    def __init__(self, source: str, folder: Path, journal_url: str) -> None:
        self.source, self.folder, self.findings = source, folder, Findings()
        self.used = UsedSecret(ENVIRONMENT, SOURCES[source], source)
        self.secret = self.used.id
        self._journal_url = journal_url
        self._values: set[str] = set()
        self._points = 0
        folder.mkdir(parents=True, exist_ok=True)
        self.aws = AwsWorld(folder)
        self.database: EmbeddedPostgres | None = None
        self.consumers = Consumers(self._reading)

    def start(self) -> Lane:
        """Brings the world up: parameters, roles, consumers, and a journal that has been surveyed."""
        self.aws.start()
        self._store = CompanyStore(self.aws, [self.used])
        databases, logins = {}, {}
        if self.source == "postgres":
            self.database = EmbeddedPostgres(self.folder / "postgres").start()
            logins[ENVIRONMENT] = prepare_database(self.database)
            databases[ENVIRONMENT] = f"{self.database.host}:{self.database.port}"
        self._store.seed(logins)
        written = policy([self.used], self.consumers.address, databases)
        (self.folder / "policies.yaml").write_text(written)
        self.consumers.start(ENVIRONMENT)
        return self

    def stop(self) -> None:
        """Ends everything."""
        self.consumers.stop()
        self.aws.stop()
        if self.database is not None:
            self.database.close()

    @cached_property
    def journal(self) -> Journal:
        """The lane's journal, beside the daemon."""
        return open_journal(self._journal_url, daemon=False)

    def run_daemon(self, **orders: str) -> Child:
        """The daemon under test."""
        return Child(
            "the daemon under test",
            [sys.executable, "-m", "tests.crash.daemon"],
            log=self.folder / "daemon.log",
            environment={**self._environment(), **orders},
        )

    def rotate(self, **orders: str) -> Rotation:
        """One rotation without an accident; CRASH_TRACE among `orders` keeps the points it passed."""
        daemon = self.run_daemon(**orders)
        try:
            return self._await(self._ask(), daemon)
        finally:
            daemon.stop(within=25.0)

    def rotate_killed_at(self, point: Point) -> bool:
        """One rotation with the daemon killed at `point` and started again. False when it never came there."""
        asked, daemon = self._ask(), self.run_daemon(CRASH_NAME=point.name, CRASH_WHEN=point.when)
        killed = self._await_kill(asked, daemon)
        self._points += killed
        self.look(f"{point.name} {point.when}")
        if killed:
            daemon = self.run_daemon()
        try:
            self._await(asked, daemon, at=f"{point.name} {point.when}")
        finally:
            daemon.stop(within=25.0)
        self.reckon(f"{point.name} {point.when}")
        return killed

    def look(self, at: str) -> None:
        """Uses what consumers hold, and what the store names, as a consumer would."""
        for held in [*(instance.held for instance in self.consumers.living(ENVIRONMENT)), self.read_store()]:
            if not self._works(held):
                self.findings.dark.append(at)
                return

    def reckon(self, at: str) -> None:
        """At rest: one credential of ours is alive."""
        self.look(at)
        if self.database is not None:
            with psycopg.connect(self.database.superuser_dsn()) as session:
                alive = session.execute(
                    "select count(*) from pg_roles where rolcanlogin and rolname = any(%s)", [[*USERS]]
                ).fetchone()
            orphans = (alive[0] if alive else 0) - 1
        else:
            orphans = len(json.loads(self.read_store()[self.used.accepted or ""])) - 1
        if orphans:
            self.findings.orphans.append(f"{at}: {orphans}")
        self._values.update(self.read_store().values())

    def leaks(self) -> None:
        """No value stands in the journal or in the daemon's log."""
        texts = [
            path.read_bytes()
            for path in self.folder.rglob("*")
            if path.suffix in {".log", ".sqlite", ".sqlite-wal"}
        ]
        for value in self._values:
            piece = (
                value.rsplit(":", 2)[1].split("@")[0]
                if value.startswith("postgresql")
                else value.strip('[]"')
            )
            if any(piece.encode() in text for text in texts):
                self.findings.leaks.append(f"{self.source}: a value stands in a file")

    def read_store(self) -> Held:
        """What a consumer that starts now would read."""
        return self._reading(ENVIRONMENT).values

    def _reading(self, environment: str) -> Reading:
        return self._store.read(environment)

    def _works(self, held: Held) -> bool:
        if self.source == "postgres":
            return logs_in(held[self.used.parameter])
        bearer = self.used.bearer(held)
        return self.consumers.accept(self.used, bearer) and self.used.accepts(self.read_store(), bearer)

    def _ask(self) -> Request:
        request = Request(
            id=secrets.token_hex(8),
            kind=RequestKind.ROTATE,
            about=self.secret,
            by="rig",
            at=self.journal.now(),
        )
        self.journal.add_request(request)
        return request

    def _await_kill(self, asked: Request, daemon: Child) -> bool:
        """True when the daemon died; False when the rotation ended without coming to the point."""
        deadline = time.monotonic() + STUCK_SECONDS
        while daemon.running and time.monotonic() < deadline:
            rotation = self._became(asked)
            if rotation is not None and rotation.state is not State.ACTIVE:
                return False
            time.sleep(0.05)
        return not daemon.running

    def _await(self, asked: Request, daemon: Child, at: str = "undisturbed") -> Rotation:
        deadline = time.monotonic() + STUCK_SECONDS
        while time.monotonic() < deadline:
            rotation = self._became(asked)
            if rotation is not None and rotation.state is not State.ACTIVE:
                if rotation.state is State.PARKED:
                    self.findings.lost.append(f"{at}: parked, {rotation.sentence}")
                return rotation
            if not daemon.running:
                raise NotReady(f"the daemon ended by itself at {at}: {tail(daemon.log)}")
            time.sleep(0.05)
        self.findings.stuck.append(at)
        raise NotReady(f"stuck at {at}: {self._became(asked)}")

    def _became(self, asked: Request) -> Rotation | None:
        """The rotation that a request became; None while it waits."""
        newest = self.journal.rotations(secret=self.secret, limit=1)
        return newest[0] if newest and newest[0].opened_at >= asked.at else None

    def _environment(self) -> dict[str, str]:
        return {
            **self.aws.environment("rotator"),
            **settings(self.consumers.address),
            "ROTATOR_JOURNAL": self._journal_url,
            "ROTATOR_POLICIES": str(self.folder / "policies.yaml"),
            "ROTATOR_SCAN_EVERY": "0.3s",
            "ROTATOR_ALERTS_EVERY": "5s",
            "ROTATOR_SIGNED_REQUEST_LIFE": "3s",
        }
