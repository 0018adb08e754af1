"""A program that takes rotator's webhook: it checks signatures as docs/reference/webhook.md says, and opens and closes.

Written from that page and from the specification of Standard Webhooks 1.0.0, not from the channel: whoever follows
them gets along. It takes nothing unsigned, nothing older or newer than five minutes, and no event twice.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rotator.contracts.clock import Clock
from rotator.sandbox.platforms.front import RETRY_AFTER, Answer, Asked

#: How far the time of an event may be from now, in seconds.
WINDOW = 300
PATH = "/events/rotator"
_KEYS = {
    "schema_version", "id", "action", "dedup_key", "kind", "severity", "news", "environment", "secret", "rotation",
    "owner", "title", "facts", "to_do", "how_it_stands", "links", "opened_at", "closed_at", "closing", "rows", "answer",
}  # fmt: skip


@dataclass
class Ticket:
    """One thing that is open for a dedup key, until it is resolved."""

    key: str
    state: str
    events: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class WebhookReceiver:
    """`secrets` are the signing secrets that it knows (whsec_…)."""

    secrets: Sequence[str] = field(repr=False)
    clock: Clock
    tickets: list[Ticket] = field(default_factory=list)
    digests: list[dict[str, Any]] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    repeated: int = 0
    _seen: set[str] = field(default_factory=set)

    def operation(self, asked: Asked) -> str:
        """What the front's ledger calls it."""
        return f"{asked.method} {asked.path}"

    def changes(self, asked: Asked) -> bool:
        """Every event."""
        return asked.method == "POST"

    def turned_away(self) -> Answer:
        """It is busy."""
        return Answer(429, {"error": "busy"}, {"Retry-After": str(RETRY_AFTER)})

    def answer(self, asked: Asked) -> Answer:
        """204 for an event, also for one that it has had; 401 for what is not signed."""
        if asked.path != PATH:
            return Answer(404, {"error": "nothing here"})
        if not self._signed(asked):
            return Answer(401, {"error": "the signature is not ours"})
        if asked.headers["webhook-id"] in self._seen:
            self.repeated += 1
            return Answer(204)
        self._seen.add(asked.headers["webhook-id"])
        self._take(asked.content)
        return Answer(204)

    def _signed(self, asked: Asked) -> bool:
        identity, at = asked.headers.get("webhook-id", ""), asked.headers.get("webhook-timestamp", "")
        if not identity or not at.isdecimal() or abs(int(at) - self.clock.now().timestamp()) > WINDOW:
            return False
        signed = f"{identity}.{at}.".encode() + asked.body
        shown = asked.headers.get("webhook-signature", "").split(" ")
        wanted = [
            base64.b64encode(hmac.new(base64.b64decode(secret[6:]), signed, hashlib.sha256).digest()).decode()
            for secret in self.secrets
        ]
        return any(
            version == "v1" and hmac.compare_digest(mac, one)
            for version, _, mac in (entry.partition(",") for entry in shown)
            for one in wanted
        )

    def _take(self, event: dict[str, Any]) -> None:
        self.findings += [f"unknown key {key}" for key in sorted(event.keys() - _KEYS)]
        self.findings += [f"no key {key}" for key in sorted(_KEYS - event.keys())]
        self.findings += [f"no single line: {text!r}" for text in texts(event) if not text.isprintable()]
        if not 0 < len(event["dedup_key"]) <= 255:
            self.findings.append(f"a dedup key of {len(event['dedup_key'])} characters")
        if event["action"] == "digest":
            self.digests.append(event)
            return
        open_one = next(
            (t for t in self.tickets if t.key == event["dedup_key"] and t.state != "resolve"), None
        )
        if open_one is None:
            open_one = Ticket(event["dedup_key"], "trigger")
            self.tickets.append(open_one)
        open_one.events.append(event)
        open_one.state = event["action"]


def texts(value: Any) -> list[str]:
    """Every text of a document, keys and all."""
    match value:
        case str():
            return [value]
        case dict():
            return [text for pair in value.items() for one in pair for text in texts(one)]
        case list():
            return [text for one in value for text in texts(one)]
        case _:
            return []


def said(event: dict[str, Any]) -> str:
    """What a reader of the ticket sees."""
    return json.dumps(event, ensure_ascii=False)
