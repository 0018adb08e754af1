"""A consumer of Stripe's events: takes what one of the accepted secrets has signed, as Stripe's own examples do."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler
from typing import Any

from stripe import SignatureVerificationError, WebhookSignature

from rotator.model.secrets import AcceptedSet
from rotator.testing.loopback_server import LoopbackServer


class Receiver(LoopbackServer):
    """Serves while it is entered. `status` answers everything, where it is set."""

    def __init__(self) -> None:
        self._accepted = AcceptedSet([])
        self.status: int | None = None
        self.events: list[str] = []
        self.arrived: list[tuple[bytes, str]] = []
        super().__init__(self._answering())
        self.url = f"{self.address}/webhooks/stripe"

    def accept(self, accepted: AcceptedSet) -> None:
        """From now on exactly these."""
        self._accepted = accepted

    def _takes(self, body: bytes, signature: str) -> bool:
        for secret in json.loads(self._accepted.sealed().reveal()):
            try:
                WebhookSignature.verify_header(body, signature, secret)
            except SignatureVerificationError:
                continue
            return True
        return False

    def _answering(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Answering(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                signature = self.headers["Stripe-Signature"]
                receiver.arrived.append((body, signature))
                takes = receiver._takes(body, signature)
                if takes and receiver.status is None:
                    receiver.events.append(json.loads(body)["id"])
                self.send_response(receiver.status or (200 if takes else 400))
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        return Answering
