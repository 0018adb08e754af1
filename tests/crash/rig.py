"""One lane of the crash matrix: a small real world, one secret, and as many rotations of it as there are points.

AWS (moto behind the proxy) and PostgreSQL are real processes. Consumers are played here: they read the store when a
rollout of their workload starts, and hold what they read. Every few milliseconds a prober uses what consumers hold
and what the store names, as a consumer would; a refusal while both should work is counted as dark.
"""

from __future__ import annotations

import json
import secrets
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import jwt
import psycopg
import yaml
from botocore.config import Config

from rotator.contracts.journal import Journal
from rotator.journal import open_journal
from rotator.model.requests import Request, RequestKind
from rotator.model.rotation import Rotation, State
from rotator.sandbox.aws import REGION, AwsWorld, Parameter
from rotator.sandbox.consumer import refuses_login
from rotator.sandbox.demo.seeds import USERS, prepare_database
from rotator.sandbox.postgres import EmbeddedPostgres
from rotator.sandbox.processes import Child, NotReady, tail
from tests.crash.tripwire import Point

ENVIRONMENT, WORKLOAD = "staging", "staging/api"
PATH = f"/taly/{ENVIRONMENT}"
SOURCES = {"jwt": "JWT_SECRET", "token": "INTERNAL_API_TOKEN", "postgres": "DATABASE_URL"}
#: A rotation that has not ended by then is stuck. On PostgreSQL the dead owner's claim has to run out first.
STUCK_SECONDS = 120.0
#: As short as settings allow: longer than a minting call, or guard would never say yes.
_CLAIM_SECONDS = "20"


@dataclass
class Findings:
    """What must be zero."""

    dark: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)


class Consumers:
    """The workload's two instances, as the rig plays them, and the platform that rolls them."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._labels: dict[str, str] = {}
        self.held: list[Mapping[str, str]] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()

    @property
    def address(self) -> str:
        """Where the platform answers."""
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def start(self) -> None:
        """Both instances read the store."""
        self.held = [self._lane.read_store(), self._lane.read_store()]

    def roll(self, label: str) -> None:
        """One instance after the other is replaced, unless the label was seen before."""
        if label in self._labels:
            return
        self._labels[label] = "pending"
        for _ in range(2):
            self.held = [*self.held[1:], self._lane.read_store()]
        self._labels[label] = "done"

    def accepts(self, authorization: str) -> bool:
        """Whether every instance accepts the bearer."""
        return all(self._lane.verifies(held, authorization.removeprefix("Bearer ")) for held in self.held)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        consumers = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path.startswith("/accepts"):
                    accepted = consumers.accepts(self.headers.get("Authorization") or "")
                    self._answer(HTTPStatus.OK if accepted else HTTPStatus.UNAUTHORIZED, None)
                    return
                state = consumers._labels.get(self.path.rsplit("/", 1)[-1])
                if state is None:
                    self._answer(HTTPStatus.NOT_FOUND, None)
                else:
                    self._answer(HTTPStatus.OK, {"progress": state, "sentence": "", "seen": {}})

            def do_POST(self) -> None:
                order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                consumers.roll(order["label"])
                self._answer(HTTPStatus.ACCEPTED, None)

            def _answer(self, status: HTTPStatus, content: object) -> None:
                body = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        return Handler


class Lane:
    """One source on one kind of journal."""

    def __init__(self, source: str, folder: Path, journal_url: str) -> None:
        self.source, self.folder, self.findings = source, folder, Findings()
        self.name = SOURCES[source]
        self.secret = f"{ENVIRONMENT}/{self.name}"
        self._journal_url = journal_url
        self._values: set[str] = set()
        self._points = 0
        folder.mkdir(parents=True, exist_ok=True)
        self.aws = AwsWorld(folder)
        self.database: EmbeddedPostgres | None = None
        self.consumers = Consumers(self)

    def start(self) -> Lane:
        """Brings the world up: parameters, roles, consumers, and a journal that has been surveyed."""
        self.aws.start()
        self._ssm = boto3.client(
            "ssm",
            endpoint_url=self.aws.endpoint,
            region_name=REGION,
            aws_access_key_id="consumer",
            aws_secret_access_key=secrets.token_hex(),
            config=Config(retries={"total_max_attempts": 8, "mode": "standard"}),
        )
        values = {self.name: secrets.token_urlsafe(64)}
        if self.source == "postgres":
            self.database = EmbeddedPostgres(self.folder / "postgres").start()
            values[self.name], values["rotator/DATABASE_ADMIN_URL"] = prepare_database(self.database)
        else:
            values[f"{self.name}_ACCEPTED"] = json.dumps([values[self.name]])
        self.aws.control.seed(
            Parameter(f"{PATH}/{name}", value, key_id="alias/taly-staging") for name, value in values.items()
        )
        (self.folder / "policies.yaml").write_text(self._policy())
        self.consumers.start()
        return self

    def stop(self) -> None:
        """Ends everything."""
        self.consumers.server.shutdown()
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
        for held in [*self.consumers.held, self.read_store()]:
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
            orphans = len(json.loads(self.read_store()[f"{PATH}/{self.name}_ACCEPTED"])) - 1
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

    def read_store(self) -> dict[str, str]:
        """What a consumer that starts now would read."""
        names = [f"{PATH}/{self.name}"] + (
            [f"{PATH}/{self.name}_ACCEPTED"] if self.source != "postgres" else []
        )
        answer = self._ssm.get_parameters(Names=names, WithDecryption=True)
        return {parameter["Name"]: parameter["Value"] for parameter in answer["Parameters"]}

    def verifies(self, held: Mapping[str, str], bearer: str) -> bool:
        """Whether an instance that holds `held` accepts a bearer."""
        members = json.loads(held[f"{PATH}/{self.name}_ACCEPTED"])
        if self.source == "token":
            return bearer in members
        return any(_signed(bearer, member) for member in members)

    def _works(self, held: Mapping[str, str]) -> bool:
        value = held[f"{PATH}/{self.name}"]
        if self.source == "postgres":
            return _logs_in(value)
        bearer = jwt.encode({"iss": "rig"}, value, algorithm="HS256") if self.source == "jwt" else value
        return self.consumers.accepts(bearer) and self.verifies(self.read_store(), bearer)

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
            "ROTATOR_JOURNAL": self._journal_url,
            "ROTATOR_POLICIES": str(self.folder / "policies.yaml"),
            "ROTATOR_SEALER": "kms",
            "ROTATOR_KMS_KEY": "alias/taly-staging",
            "ROTATOR_SCALE": "0.00001",
            "ROTATOR_REDEPLOYER": "sandbox",
            "ROTATOR_ENDPOINT_PLATFORM": self.consumers.address,
            "ROTATOR_SSM_WRITES_PER_SECOND": "100",
            "ROTATOR_SCAN_EVERY": "0.3s",
            "ROTATOR_ALERTS_EVERY": "5s",
            "ROTATOR_POLL": "0.1s",
            "ROTATOR_SLOW_POLL": "1s",
            "ROTATOR_LINGER": "0.1s",
            "ROTATOR_SIGNED_REQUEST_LIFE": "3s",
            "ROTATOR_WORKERS": "2",
            "ROTATOR_CLAIM_SECONDS": _CLAIM_SECONDS,
        }

    def _policy(self) -> str:
        """One environment, one secret, rotated on request only."""
        secret: dict[str, Any] = {"type": "it", "deploy": ["api"]}
        settings: dict[str, Any] = {}
        if self.database is not None:
            place = f"{self.database.host}:{self.database.port}/taly"
            settings = {
                "users": [*USERS],
                "admin": "ssm:/taly/{env}/rotator/DATABASE_ADMIN_URL",
                "template": "postgresql://{user}:{password}@" + place,
            }
        else:
            secret |= {"accepted_as": f"{self.name}_ACCEPTED", "probe": f"{self.consumers.address}/accepts"}
        kind = {"provider": self.source, "rotate_every": "3650d", "grace": "1d", "settings": settings}
        policy = {
            "apiVersion": "rotator/v1",
            "kind": "RotationPolicies",
            "defaults": {
                "owner": "rig",
                "warn_before": [],
                "quarantine": "1d",
                "retry": {"attempts": 5, "backoff": "1s..3s"},
            },
            "environments": {
                ENVIRONMENT: {
                    "path": PATH,
                    "aws": {"region": REGION, "kms_key": "alias/taly-staging"},
                    "mode": "auto",
                }
            },
            "types": {"it": kind},
            "secrets": {self.name: secret},
            "deployments": {"api": {"kubernetes": "deployment/api", "timeout": "20s"}},
            "owners": {"rig": {"email": "rig@taly.example"}},
            "unmanaged": "ignore",
        }
        return yaml.safe_dump(policy, sort_keys=False)


def _logs_in(dsn: str) -> bool:
    try:
        psycopg.connect(dsn, connect_timeout=5).close()
    except psycopg.OperationalError as refusal:
        if refuses_login(str(refusal)):
            return False
        raise
    return True


def _signed(bearer: str, key: str) -> bool:
    try:
        jwt.decode(bearer, key, algorithms=["HS256"])
    except jwt.InvalidTokenError:
        return False
    return True
