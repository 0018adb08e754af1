"""A service without an API for keys: people make and end them on its pages; one address tells whether a key is good."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from rotator.contracts.provider import SubmittedProvider
from rotator.model.policy import Recipe
from rotator.model.secrets import Sealed
from rotator.providers.assisted import Assisted
from rotator.testing.loopback_server import LoopbackServer
from rotator.testing.source_world import Fields
from rotator.testing.surroundings import surroundings
from tests.providers.recipes import recipe_for

BEGINS = "key-"


class KeyService(LoopbackServer):
    """Serves while it is entered. A key is the user of a Basic login, or what stands behind `Bearer`."""

    def __init__(self, *, tells: bool = True, **settings: Any) -> None:
        self.keys: set[str] = set()
        self.answers: list[int] = []  # what is answered next, whatever the key is
        self.asked = 0
        self.recipe_fields = {"value": "SERVICE_KEY"}
        self._away = False
        super().__init__(self._answering())
        self.url = f"{self.address}/v1/balance?limit=1"
        verify = {"verify": {"url": self.url, "basic": {"user": "${value}"}}} if tells else {}
        self.settings = {"begins_with": {"value": BEGINS}, **verify, **settings}

    @property
    def recipe(self) -> Recipe:
        return recipe_for("SERVICE_KEY", "assisted", settings=self.settings, fields=self.recipe_fields)

    @property
    def provider(self) -> SubmittedProvider:
        return Assisted(self.recipe, surroundings())

    def made(self) -> Fields:
        key = f"{BEGINS}{secrets.token_urlsafe(24)}"
        self.keys.add(key)
        return {"value": Sealed(key)}

    def ended(self, fields: Fields) -> None:
        self.keys.discard(fields["value"].reveal())

    def unfit(self) -> Fields:
        return {"value": Sealed(f"other-{secrets.token_urlsafe(24)}")}

    def accepts(self, fields: Fields) -> bool:
        """Whether a consumer gets in."""
        return fields["value"].reveal() in self.keys

    def throttle_next(self) -> None:
        if "verify" not in self.settings:
            pytest.skip("nobody asks this service")
        self.answers.append(429)

    @contextmanager
    def away(self) -> Iterator[None]:
        self._away = True
        yield
        self._away = False

    def _decide(self, headers: Message) -> int:
        if self.answers:
            return self.answers.pop(0)
        scheme, _, presented = headers.get("Authorization", "").partition(" ")
        if scheme == "Basic":
            presented = base64.b64decode(presented).decode().partition(":")[0]
        return 200 if presented in self.keys else 401

    def _answering(self) -> type[BaseHTTPRequestHandler]:
        service = self

        class Answering(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                service.asked += 1
                if service._away:
                    self.close_connection = True
                    return
                self.send_response(service._decide(self.headers))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_words: object) -> None:
                """Nothing is said about who asked."""

        return Answering
