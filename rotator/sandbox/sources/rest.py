"""A vendor's REST API on loopback: what aws_query.py is for AWS's protocols, for paths, verbs and JSON answers.

What a source of the sandbox says is its own (stripe.py, twilio.py); this reads requests, makes the weather and counts.
An operation is called by verb and path, with `*` for an id: "POST /v1/webhook_endpoints", "DELETE /v1/Keys/*". A lost
answer takes effect and closes the connection; every second 429 says when to come back.

Under /_sandbox/ whoever plays the world reads what was counted (GET statistics) and makes the weather (PUT faults,
outages: as JSON, see weather.py), or gives the source orders of its own.
"""

from __future__ import annotations

import json
import re
import threading
import time
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from rotator.sandbox.faults import Fault, Outage
from rotator.sandbox.sources.listening import Answers, Listener, listening
from rotator.sandbox.weather import Weather


class Request(NamedTuple):
    """One request. `given` are the fields of its query and body; `ids` what stands for each `*` in its path."""

    operation: str
    ids: Sequence[str]
    given: Mapping[str, Any]
    headers: Mapping[str, str]

    @property
    def basic(self) -> tuple[str, str]:
        """User and password of HTTP's basic authentication."""
        _scheme, _, code = self.headers.get("authorization", "").partition(" ")
        user, _, password = b64decode(code or "").decode(errors="replace").partition(":")
        return user, password

    @property
    def bearer(self) -> str:
        """The key of a bearer authentication."""
        return self.headers.get("authorization", "").removeprefix("Bearer ")


class Reply(NamedTuple):
    """One answer."""

    said: Any = None
    status: int = HTTPStatus.OK
    headers: Mapping[str, str] = {}


class Refusal(Exception):
    """The source says no: its code, its sentence, the status; `kind` is a word of the source's own."""

    def __init__(
        self,
        code: str | int,
        sentence: str,
        status: int = HTTPStatus.BAD_REQUEST,
        *,
        kind: str = "",
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__(sentence)
        self.code, self.sentence, self.status, self.kind, self.headers = code, sentence, status, kind, headers


@dataclass(frozen=True)
class Source:
    """What a source is to its server: who answers what, and how it words a refusal."""

    name: str
    operations: Mapping[str, Callable[[Request], Reply]]
    refused: Callable[[Refusal], Any]
    admit: Callable[[Request], None] = lambda _request: None  # raises Refusal for whom it does not know
    orders: Mapping[str, Callable[[Any], Any]] = field(
        default_factory=dict
    )  # what it does when told past the API
    once: Callable[[Request, Callable[[], Reply]], Reply] = lambda _request, act: (
        act()
    )  # where it remembers requests
    throttled: str | int = "rate_limit"  # its code for "later"


class RestServer:
    """Serves a source, one request at a time."""

    def __init__(self, source: Source, weather: Weather) -> None:
        self.source, self.weather = source, weather
        self._routes = [
            (operation, re.compile(re.escape(operation).replace(r"\*", r"([^/?]+)")))
            for operation in source.operations
        ]
        self._one_at_a_time, self._throttled = threading.Lock(), 0

    def answer(self, verb: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply | None:
        """None where the connection is to be closed without an answer."""
        parts = urlsplit(path)
        line, given = f"{verb} {parts.path}", _form(parts.query.encode())
        given |= json.loads(body) if body[:1] == b"{" else _form(body)
        operation, found = next(
            ((name, match) for name, route in self._routes if (match := route.fullmatch(line))), (line, None)
        )
        request = Request(operation, found.groups() if found else (), given, headers)
        self.weather.count("calls", operation)
        if self.weather.outage(self.source.name) is Outage.CLOSED:
            return None
        try:
            rule = self.weather.draw(operation)
            fault = rule.fault if rule else None
            if rule and fault is Fault.SLOW:
                time.sleep(rule.seconds)
            with self._one_at_a_time:
                reply = self.source.once(request, lambda: self._done(request, fault))
        except Refusal as refusal:
            self.weather.count("refusals", str(refusal.code))
            return Reply(self.source.refused(refusal), refusal.status, refusal.headers)
        return None if fault is Fault.LOST_ANSWER else reply

    def _done(self, request: Request, fault: Fault | None) -> Reply:
        if fault is Fault.THROTTLED:
            self._throttled += 1
            again = {"Retry-After": "2"} if self._throttled % 2 else {}
            status = HTTPStatus.TOO_MANY_REQUESTS
            raise Refusal(self.source.throttled, "Too many requests.", status, headers=again)
        if fault is Fault.INTERNAL_ERROR:
            raise Refusal("internal", "Something went wrong.", HTTPStatus.INTERNAL_SERVER_ERROR)
        self.source.admit(request)
        act = self.source.operations.get(request.operation)
        if act is None:
            raise Refusal("not_found", f"No {request.operation}.", HTTPStatus.NOT_FOUND)
        return act(request)

    def serving(self, port: int = 0) -> AbstractContextManager[str]:
        """Its address, while it serves in threads of this process."""
        return listening(self, _Answers, port)


class _Answers(Answers):
    server: Listener[RestServer]

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.startswith("/_sandbox/"):
            self._obey(self.path.removeprefix("/_sandbox/"), body)
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.server.far.answer(self.command, self.path, headers, body)
        if reply is None:
            self.close_connection = True
        else:
            self._send(reply)

    do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 - the names that http.server calls

    def _obey(self, order: str, body: bytes) -> None:
        rest = self.server.far
        if self.command == "GET":
            self._send(Reply(rest.weather.counts))
        elif order in rest.source.orders:
            self._send(Reply(rest.source.orders[order](json.loads(body))))
        else:
            rest.weather.obey(order, json.loads(body))
            self._send(Reply({}))

    def _send(self, reply: Reply) -> None:
        content = b"" if reply.said is None else json.dumps(reply.said).encode()
        self.send(reply.status, content, {"Content-Type": "application/json", **reply.headers})


def post(url: str, body: str, headers: Mapping[str, str]) -> int:
    """A source calls a consumer of the sandbox: the status of the answer, 0 where there is none."""
    place = urlsplit(url)
    connection = HTTPConnection(place.hostname or "", place.port, timeout=30)
    try:
        connection.request("POST", f"{place.path}?{place.query}".rstrip("?"), body.encode(), dict(headers))
        return connection.getresponse().status
    except (OSError, HTTPException):
        return 0
    finally:
        connection.close()


def _form(body: bytes) -> dict[str, Any]:
    """`a=1&list[0]=x&map[key]=y` as Stripe's and Twilio's SDKs write it."""
    given: dict[str, Any] = {}
    for name, value in parse_qsl(body.decode(), keep_blank_values=True):
        outer, _, inner = name.partition("[")
        key = inner.removesuffix("]")
        if not inner:
            given[outer] = value
        elif key.isdecimal() or not key:
            given.setdefault(outer, []).append(value)
        else:
            given.setdefault(outer, {})[key] = value
    return given
