"""The bad network in front of OpenBao: a proxy on loopback that loses answers, turns away, redirects, or is gone."""

from __future__ import annotations

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Any

import httpx

from rotator.testing.loopback_server import LoopbackServer

CHANGING = {"POST", "PUT", "PATCH", "DELETE"}


class VaultFront(LoopbackServer):
    """Passes requests on to `upstream`, until it is told otherwise, and writes down what was asked.

    A login is no change: what is lost or turned away "next" is a request for something else.
    """

    def __init__(self, upstream: str) -> None:
        self.asked: list[tuple[str, str]] = []
        self.away = self.lose_next = self.throttle_next = self.throttle_next_of_any = self.redirect_next = (
            False
        )
        self.before_next: Callable[[], None] | None = None  # happens before the next change reaches Vault
        self._upstream = httpx.Client(base_url=upstream, trust_env=False, timeout=30)
        super().__init__(_passing(self))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self._upstream.close()

    def answer(
        self, method: str, path: str, headers: dict[str, str], content: bytes
    ) -> httpx.Response | None:
        """What Vault says; None closes the connection without a word."""
        if self.away:
            return None
        self.asked.append((method, path))
        changes = method in CHANGING and "/auth/" not in path
        if (changes and self.throttle_next) or self.throttle_next_of_any:
            self.throttle_next = self.throttle_next_of_any = False
            return httpx.Response(429, json={"errors": ["request path is over its quota"]})
        if self.redirect_next:
            self.redirect_next = False
            return httpx.Response(307, headers={"Location": f"{self.address}/elsewhere"})
        if changes and self.before_next is not None:
            happens, self.before_next = self.before_next, None
            happens()
        answer = self._upstream.request(method, path, headers=headers, content=content)
        if changes and self.lose_next:
            self.lose_next = False
            return None
        return answer


def _passing(front: VaultFront) -> type[BaseHTTPRequestHandler]:
    class Passing(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # headers and body are two writes: the second would wait for 40 ms

        def _pass(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            wanted = {
                k: v for k, v in self.headers.items() if k.lower().startswith(("x-vault", "content-type"))
            }
            answer = front.answer(self.command, self.path, wanted, content)
            if answer is None:
                self.close_connection = True
                return
            self.send_response(answer.status_code)
            for name in ("Content-Type", "Location"):
                if name in answer.headers:
                    self.send_header(name, answer.headers[name])
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_said: Any) -> None:
            """Nothing."""

    for method in ("GET", "LIST", *CHANGING):
        setattr(Passing, f"do_{method}", Passing._pass)
    return Passing
