"""An HTTP listener on loopback for whatever the sandbox plays: threads, an address, and an end.

What is said is for others (aws_query.py, oauth_wire.py, rest.py); this is the socket under it.
"""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Generic, Protocol, TypeVar

Far = TypeVar("Far")


class Listener(ThreadingHTTPServer, Generic[Far]):
    """A server whose answers know what they speak for: `far`."""

    daemon_threads = True

    def __init__(self, far: Far, port: int, answers: type[Answers]) -> None:
        super().__init__(("127.0.0.1", port), answers)
        self.far = far


class Answers(BaseHTTPRequestHandler):
    """What every answer has in common."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are two writes: the second would wait for 40 ms

    def send(self, status: int, content: bytes, headers: Mapping[str, str]) -> None:
        """One answer, whole."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Says nothing: headers are secrets."""


class Served(Protocol):
    """What can be served."""

    def serving(self, port: int = 0) -> AbstractContextManager[str]:
        """Its address, while it serves in threads of this process."""


@contextmanager
def listening(far: Far, answers: type[Answers], port: int) -> Iterator[str]:
    """The address, while `answers` speak for `far` in threads of this process."""
    server = Listener(far, port, answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def serve_until_ended(served: Served, port: int, **more: object) -> None:
    """Prints its address, and `more`, as one line of JSON, and serves until SIGTERM."""
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    with served.serving(port) as address:
        print(json.dumps({"address": address, **more}), flush=True)
        ended.wait()
