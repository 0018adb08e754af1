"""The platform of one workload: its instances read the store when a rollout starts, and verify what they are shown."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

#: What an instance accepts, read anew by each that starts.
Reads = Callable[[], frozenset[str]]


class Platform:
    """Rolls the workload, and answers for its instances; runs until `stop()`."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._labels: dict[str, str] = {}
        self._held: list[frozenset[str]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> None:
        self._held = [self._reads(), self._reads()]

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def roll(self, label: str) -> None:
        if label not in self._labels:
            self._held = [self._reads(), self._reads()]
            self._labels[label] = "done"

    def progress(self, label: str) -> str | None:
        return self._labels.get(label)

    def accepts(self, bearer: str) -> bool:
        return all(bearer in held for held in self._held)


def _handler(platform: Platform) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/accepts"):
                bearer = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
                accepted = platform.accepts(bearer)
                self._answer(HTTPStatus.OK if accepted else HTTPStatus.UNAUTHORIZED, None)
                return
            progress = platform.progress(self.path.rsplit("/", 1)[-1])
            if progress is None:
                self._answer(HTTPStatus.NOT_FOUND, None)
            else:
                self._answer(HTTPStatus.OK, {"progress": progress, "sentence": "", "seen": {}})

        def do_POST(self) -> None:
            order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            platform.roll(order["label"])
            self._answer(HTTPStatus.ACCEPTED, None)

        def _answer(self, status: HTTPStatus, content: object) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
