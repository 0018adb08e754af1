"""The front that the played platforms share: HTTP on loopback, with what a network and a busy far side do to callers.

A platform answers one request at a time. The front loses answers after the effect, turns callers away, or is away
altogether; it keeps a ledger of what was asked and how that ended, and every body, for a search for leaks.
"""

from __future__ import annotations

import json
import sys
import threading
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol, Self, TypeVar
from urllib.parse import parse_qs, urlsplit

from rotator.sandbox.processes import listening_socket

RETRY_AFTER = 7


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: `path` without its query, headers by their names in small letters."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def content(self) -> Any:
        """The body as JSON; an empty object when there is none."""
        return json.loads(self.body or b"{}")


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, what is sent as JSON (None: nothing), and headers beside it."""

    status: int
    content: object = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Far(Protocol):
    """What stands behind a front."""

    def answer(self, asked: Asked) -> Answer:
        """The answer to one request."""

    def operation(self, asked: Asked) -> str:
        """What the ledger calls it."""

    def changes(self, asked: Asked) -> bool:
        """Whether it has an effect whose answer is worth losing."""

    def turned_away(self) -> Answer:
        """How it says "later"."""


Played = TypeVar("Played", bound=Far)


class Front:
    """Serves a platform while the context lasts; `address` is where."""

    def __init__(self, far: Far, port: int = 0) -> None:
        self.far, self.ledger, self.bodies = far, Counter[str](), list[bytes]()
        self._lost, self._throttled, self._away = 0, 0, False
        self._lock = threading.Lock()
        listening = listening_socket(port)
        self.address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        self._server = _Server(listening.getsockname(), _Answers, bind_and_activate=False)
        self._server.socket.close()
        self._server.socket, self._server.front = listening, self
        serve = {"poll_interval": 0.02}
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs=serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    # switches

    def lose(self, answers: int = 1) -> None:
        """The next changes take effect, and their answers are lost."""
        self._lost += answers

    def throttle(self, calls: int = 1) -> None:
        """So many of the next calls are turned away."""
        self._throttled += calls

    @contextmanager
    def away(self) -> Iterator[None]:
        """Nobody answers, inside."""
        self._away = True
        yield
        self._away = False

    # answering

    def answered(self, asked: Asked) -> Answer | None:
        """The answer; None: the connection closes without one."""
        operation = self.far.operation(asked)
        with self._lock:
            self.bodies.append(asked.body)
            if self._away:
                self.ledger[f"{operation}: away"] += 1
                return None
            if self._throttled:
                self._throttled -= 1
                self.ledger[f"{operation}: turned away"] += 1
                return self.far.turned_away()
            answer = self.far.answer(asked)
            self.ledger[f"{operation}: {answer.status}"] += 1
            if self._lost and self.far.changes(asked) and answer.status < 400:
                self._lost -= 1
                return None
            return answer


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    front: Front

    def handle_error(self, request: object, client_address: object) -> None:
        """A caller that hangs up is none of ours; everything else is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # passed on as it came


class _Answers(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    # Without it the second part of an answer waits for the first one to be acknowledged.
    disable_nagle_algorithm = True

    def _answer(self) -> None:
        where = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(where.query).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length") or 0))
        answer = self.server.front.answered(Asked(self.command, where.path, query, headers, body))
        if answer is None:
            self.close_connection = True
            return
        sent = b"" if answer.content is None else json.dumps(answer.content).encode()
        self.send_response(answer.status)
        for name, value in {"Content-Type": "application/json", **answer.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def log_message(self, *_: object) -> None:
        """Says nothing: headers are secrets."""


def serve(
    make: Callable[[], Played], beside: Callable[[Played], Mapping[str, str]] = lambda _far: {}
) -> None:
    """Plays the platform as a process, at `--port`: prints its address as JSON, and runs until it is ended."""
    arguments = ArgumentParser()
    arguments.add_argument("--port", type=int, default=0)
    far = make()
    with Front(far, arguments.parse_args().port) as front:
        print(json.dumps({"address": front.address, **beside(far)}), flush=True)
        threading.Event().wait()
