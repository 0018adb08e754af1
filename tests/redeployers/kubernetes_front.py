"""What stands between rotator and an API server: it passes everything on, in the weather that a test orders."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from enum import StrEnum
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

import httpx

RETRY_AFTER = 7
_PASSED = ("Authorization", "Content-Type", "Accept")


class Fault(StrEnum):
    LOST_ANSWER = "lost answer"  # it takes effect, and the connection closes
    THROTTLED = "throttled"  # 429, nothing happened
    BROKEN = "broken"  # 500 without a content type, nothing happened
    UNKNOWN = "unknown"  # 401
    GARBAGE = "garbage"  # 200 and a page for people
    AWAY = "away"  # the connection closes, nothing happened


class Front(ThreadingHTTPServer):
    """A loopback HTTP server in front of `upstream`. `faults` meet the next calls, one each; `away` meets all.

    `refusals`: (method, plural) -> what is answered instead, in the API server's own shape. `meanwhile` happens after
    a call was passed on and before its answer is. `seen`: the calls, by method and plural. `changed`: the plurals of
    the changes that took effect, whether or not their answer was lost; one that came too late (409) is none.
    """

    daemon_threads = True  # clients keep connections open

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.upstream = httpx.Client(
            base_url=upstream,
            verify=False,  # noqa: S501 - on loopback, with a certificate made for a test
            timeout=60,
            trust_env=False,
        )
        self.faults: list[Fault | None] = []
        self.away = False
        self.refusals: dict[tuple[str, str], HTTPStatus] = {}
        self.meanwhile: Callable[[str, str], None] = lambda _method, _plural: None
        self.seen: list[tuple[str, str]] = []
        self.changed: list[str] = []
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()
        self.upstream.close()

    def fault(self) -> Fault | None:
        """Of the next call."""
        if self.away:
            return Fault.AWAY
        return self.faults.pop(0) if self.faults else None


class _Handler(BaseHTTPRequestHandler):
    server: Front
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are two writes: the second would wait for 40 ms

    def do_GET(self) -> None:
        self._meet()

    def do_PATCH(self) -> None:
        self._meet()

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def _meet(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        match self.server.fault():
            case None:
                self._answer(body)
            case Fault.LOST_ANSWER:
                self._passed_on(body)
                self.close_connection = True
            case Fault.AWAY:
                self.close_connection = True
            case Fault.THROTTLED:
                self._send(HTTPStatus.TOO_MANY_REQUESTS, b"{}", {"Retry-After": str(RETRY_AFTER)})
            case Fault.BROKEN:
                self._send(HTTPStatus.INTERNAL_SERVER_ERROR, b"oops", {})
            case Fault.UNKNOWN:
                self._send(HTTPStatus.UNAUTHORIZED, b"{}", {"Content-Type": "application/json"})
            case Fault.GARBAGE:
                self._send(HTTPStatus.OK, b"<html>Sign in", {"Content-Type": "text/html"})

    def _answer(self, body: bytes) -> None:
        plural = self._plural()
        self.server.seen.append((self.command, plural))
        status = self.server.refusals.get((self.command, plural))
        if status is not None:
            said = {"kind": "Status", "status": "Failure", "message": "{no}", "code": status}
            self._send(status, json.dumps(said).encode(), {"Content-Type": "application/json"})
            return
        answer = self._passed_on(body)
        self.server.meanwhile(self.command, plural)
        self._send(answer.status_code, answer.content, {"Content-Type": answer.headers["Content-Type"]})

    def _passed_on(self, body: bytes) -> httpx.Response:
        headers = {name: self.headers[name] for name in _PASSED if name in self.headers}
        answer = self.server.upstream.request(self.command, self.path, content=body, headers=headers)
        if self.command == "PATCH" and answer.is_success:
            self.server.changed.append(self._plural())
        return answer

    def _plural(self) -> str:
        return self.path.split("?")[0].partition("/namespaces/")[2].split("/")[1]

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
