"""A consumer of Twilio's webhooks: takes what one of the accepted tokens has signed."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl

from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]  # twilio ships no types

from rotator.model.secrets import AcceptedSet
from rotator.testing.loopback_server import LoopbackServer


class TwilioReceiver(LoopbackServer):
    """Serves while it is entered."""

    def __init__(self) -> None:
        self._accepted = AcceptedSet([])
        super().__init__(self._answering())
        self.url = f"{self.address}/webhooks/twilio"

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
