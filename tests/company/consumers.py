"""Consumers: two instances of each environment's workload. They read the store when they start and hold what they read.

Their platform replaces them, one after the other, when rotator asks for a rollout.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from tests.company.secret import Held, UsedSecret

WORKLOAD = "api"
_INSTANCES = 2


class Reading(NamedTuple):
    """What the store says at one moment: values and versions by parameter."""

    values: Held
    versions: Mapping[str, int]


@dataclass(frozen=True, eq=False, slots=True)
class Instance:
    """One process of a workload, alive from `since` until `until` (seconds since the epoch; None: it lives)."""

    environment: str
    reading: Reading
    since: float
    until: float | None = None

    @property
    def held(self) -> Held:
        """What it lives by."""
        return self.reading.values


class Consumers:
    """Everybody who reads the store. `read` reads all of an environment; an instance takes `seconds` to start.

    A rollout whose label `fails` says yes to does not get beyond its first instance.
    """

    def __init__(
        self,
        read: Callable[[str], Reading],
        seconds: float = 0.0,
        fails: Callable[[str], bool] = lambda _label: False,
    ) -> None:
        self._read, self._seconds, self._fails = read, seconds, fails
        self._living: dict[str, tuple[Instance, ...]] = {}
        self._labels: dict[str, str] = {}
        self._lock = threading.Lock()
        self.gone: list[Instance] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()

    @property
    def address(self) -> str:
        """Where the platform answers."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self, environment: str) -> None:
        """All instances of the environment's workload start."""
        self._living[environment] = tuple(self._started(environment) for _ in range(_INSTANCES))

    def stop(self) -> None:
        """The platform answers no more."""
        self._server.shutdown()
        self._server.server_close()

    def living(self, environment: str) -> tuple[Instance, ...]:
        """The instances of this moment; the same tuple as long as none was replaced."""
        return self._living[environment]

    def accept(self, secret: UsedSecret, bearer: str) -> bool:
        """Whether every instance lets the bearer in."""
        return all(secret.accepts(instance.held, bearer) for instance in self.living(secret.environment))

    def roll(self, workload: str, label: str) -> None:
        """One instance after the other is replaced, unless the label was seen before."""
        with self._lock:
            if label in self._labels:
                return
            self._labels[label] = "pending"
        environment = workload.split("/", 1)[0]
        fails = self._fails(label)
        for _ in range(1 if fails else _INSTANCES):
            self._replace_oldest(environment)
        self._labels[label] = "failed" if fails else "done"

    def progress(self, label: str) -> dict[str, object] | None:
        """How a rollout stands, as the platform says it; None for a label that it never saw."""
        if label not in self._labels:
            return None
        sentence = "the next instance does not become ready" if self._labels[label] == "failed" else ""
        return {"progress": self._labels[label], "sentence": sentence, "seen": {}}

    def starts(self, environment: str) -> list[dict[str, str]]:
        """When instances started, as the platform says it."""
        everybody = [*self.gone, *self._living.get(environment, ())]
        return [
            {"role": "app", "at": datetime.fromtimestamp(one.since, UTC).isoformat()} for one in everybody
        ]

    def _replace_oldest(self, environment: str) -> None:
        started = self._started(environment)
        time.sleep(self._seconds)
        with self._lock:
            oldest, *rest = self._living[environment]
            self._living[environment] = (*rest, started)
            self.gone.append(replace(oldest, until=time.time()))

    def _started(self, environment: str) -> Instance:
        since = time.time()
        return Instance(environment, self._read(environment), since)


def _handler(consumers: Consumers) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """/accepts/{environment}/{NAME}/{source}, and the platform's /rollouts and /starts/{environment}/{workload}."""

        def do_GET(self) -> None:
            if self.path.startswith("/accepts/"):
                bearer = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
                accepted = consumers.accept(UsedSecret(*self.path.split("/")[2:]), bearer)
                self._answer(HTTPStatus.OK if accepted else HTTPStatus.UNAUTHORIZED, None)
                return
            if self.path.startswith("/starts/"):
                self._answer(HTTPStatus.OK, consumers.starts(self.path.split("/")[2]))
                return
            progress = consumers.progress(self.path.rsplit("/", 1)[-1])
            self._answer(HTTPStatus.NOT_FOUND if progress is None else HTTPStatus.OK, progress)

        def do_POST(self) -> None:
            order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            consumers.roll(order["workload"], order["label"])
            self._answer(HTTPStatus.ACCEPTED, None)

        def _answer(self, status: HTTPStatus, content: object) -> None:
            body = json.dumps(content).encode()
            with suppress(ConnectionError):  # whoever asked may be dead by now
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    return Handler
