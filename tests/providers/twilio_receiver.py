"""A consumer of Twilio's webhooks: takes what one of the accepted tokens has signed."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Self
from urllib.parse import parse_qsl

from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]  # twilio ships no types

from rotator.model.secrets import AcceptedSet


class TwilioReceiver:
    """Serves while it is entered."""

    def __init__(self) -> None:
        self._accepted = AcceptedSet([])
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._answering())
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}/webhooks/twilio"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def accept(self, accepted: AcceptedSet) -> None:
        """From now on exactly these."""
        self._accepted = accepted

    def _takes(self, form: dict[str, str], signature: str) -> bool:
        tokens = json.loads(self._accepted.sealed().reveal())
        return any(RequestValidator(token).validate(self.url, form, signature) for token in tokens)

    def _answering(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Answering(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
                takes = receiver._takes(form, self.headers["X-Twilio-Signature"])
                self.send_response(200 if takes else 403)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        return Answering
