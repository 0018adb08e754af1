"""How the sandbox's authorization servers talk: requests with a path, a query, a form or JSON, and answers in JSON.

What they say is theirs (oauth.py). Under /_sandbox/ whoever plays the world reads what was counted (GET statistics) and
makes the weather (PUT faults, outages: as JSON, see weather.py).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote_plus, urlsplit

from rotator.sandbox.sources.listening import Answers, Listener, listening
from rotator.sandbox.weather import Weather


class Reply(NamedTuple):
    """What is said back."""

    status: int
    said: Any = None
    headers: Mapping[str, str] = {}


class No(Exception):
    """The vendor says no."""

    def __init__(self, status: int, said: Any, **headers: str) -> None:
        super().__init__(status)
        self.reply = Reply(status, said, {name.replace("_", "-"): value for name, value in headers.items()})


@dataclass(frozen=True)
class Call:
    """One request."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body or b"null")

    @property
    def login(self) -> tuple[str, str]:
        """A client's id and secret, from the header or the form."""
        given = self.headers.get("authorization", "")
        if given.startswith("Basic "):
            name, _, secret = base64.b64decode(given.removeprefix("Basic ")).decode().partition(":")
            return unquote_plus(name), unquote_plus(secret)
        form = parse_qs(self.body.decode())
        return form.get("client_id", [""])[0], form.get("client_secret", [""])[0]


@dataclass(frozen=True)
class Wire:
    """Serves what `answer` says; None closes the connection without an answer."""

    answer: Callable[[Call], Reply | None]
    weather: Weather

    def serving(self, port: int = 0) -> AbstractContextManager[str]:
        """Its address, while it serves in threads of this process."""
        return listening(self, _Answers, port)


class _Answers(Answers):
    server: Listener[Wire]

    def do(self) -> None:
        """Under /_sandbox/ whoever plays the world reads what was counted, and makes the weather (see weather.py)."""
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        url, wire = urlsplit(self.path), self.server.far
        if url.path.startswith("/_sandbox/"):
            if self.command == "PUT":
                wire.weather.obey(url.path.removeprefix("/_sandbox/"), json.loads(body))
            self._send(Reply(HTTPStatus.OK, wire.weather.counts))
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        reply = wire.answer(Call(self.command, url.path, query, headers, body))
        if reply is None:
            self.close_connection = True
            return
        self._send(reply)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do  # noqa: N815 - http.server's names

    def _send(self, reply: Reply) -> None:
        content = b"" if reply.said is None else json.dumps(reply.said).encode()
        self.send(reply.status, content, {**reply.headers, "Content-Type": "application/json"})
