"""Where rotator's probes lead: whoever asks there is let in if every living instance would let them in."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Self

from tests.crash.sources.source import Asked


class Verifiers(ThreadingHTTPServer):
    """Serves while it is entered; `let_in` says whether everybody accepts who asks."""

    daemon_threads = True

    def __init__(self, let_in: Callable[[Asked], bool]) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.url = f"http://127.0.0.1:{self.server_port}/accepts"
        self.let_in = let_in
        self._thread = Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Answers(BaseHTTPRequestHandler):
    server: Verifiers

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        accepted = self.server.let_in(Asked(self.server.url, headers, body))
        self.send_response(HTTPStatus.OK if accepted else HTTPStatus.UNAUTHORIZED)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST = _answer  # noqa: N815 - the names that http.server calls

    def log_message(self, *_: object) -> None:
        """Says nothing: headers are secrets."""
