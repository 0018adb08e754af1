"""A gate between the daemon and AWS that denies what a role lacks, as AWS words it."""

from __future__ import annotations

import json
import threading
from collections.abc import Collection
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

_HOP = {"host", "connection", "content-length", "transfer-encoding"}


class Gate:
    """Passes calls on, except those whose operation (`PutParameter`) is among `denied`."""

    def __init__(self, behind: str) -> None:
        self.denied: Collection[str] = ()
        self._behind = httpx.Client(base_url=behind, timeout=10.0, trust_env=False)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._behind.close()

    def answer(self, target: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        service, _, operation = target.partition(".")
        if operation in self.denied:
            action = f"{'kms' if service.startswith('Trent') else 'ssm'}:{operation}"
            message = (
                "User: arn:aws:sts::111122223333:assumed-role/taly-rotator/pod is not authorized to perform: "
                f"{action} because no identity-based policy allows the {action} action"
            )
            said = {"__type": "AccessDeniedException", "message": message}
            return HTTPStatus.BAD_REQUEST, json.dumps(said).encode()
        passed = self._behind.post("/", headers=headers, content=body)
        return passed.status_code, passed.content


def _handler(gate: Gate) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, content = gate.answer(self.headers.get("X-Amz-Target") or "", headers, body)
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
