"""A stand-in for PagerDuty's Events API v2, as strict as its schema, which keeps incidents as people see them.

Source: PagerDuty's schema of the Events API v2 (routing keys of 32 characters, dedup_key at most 255, summary 1,024,
severities, at most 512 KB) and its page "Send an Alert Event": 202 for what is taken, 400 with reasons for what is no
event or bears a key that nobody has, 429 for too many. Resolving what is not open does nothing.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rotator.sandbox.platforms.front import RETRY_AFTER, Answer, Asked
from rotator.sandbox.webhook_receiver import texts

PATH = "/v2/enqueue"
_ACTIONS, _SEVERITIES = {"trigger", "acknowledge", "resolve"}, {"critical", "error", "warning", "info"}
_LARGEST = 512 * 1024


@dataclass
class Incident:
    """What a trigger opened, and what happened to it since."""

    key: str
    state: str = "triggered"
    log: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class PagerDutyApi:
    """One account with one service; `routing_key` is its integration's."""

    routing_key: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    incidents: list[Incident] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)

    def operation(self, asked: Asked) -> str:
        """What the front's ledger calls it."""
        return f"{asked.method} {asked.path}"

    def changes(self, asked: Asked) -> bool:
        """Every event."""
        return asked.method == "POST"

    def turned_away(self) -> Answer:
        """Too many events."""
        return Answer(429, {"message": "too many"}, {"Retry-After": str(RETRY_AFTER)})

    def answer(self, asked: Asked) -> Answer:
        """202 for what is taken, 400 with reasons."""
        if (asked.method, asked.path) != ("POST", PATH):
            return Answer(404, {"error": "nothing here"})
        try:
            event = asked.content
        except ValueError:
            return _refused("it is no JSON")
        faults = _faults(event, len(asked.body))
        if not faults and not secrets.compare_digest(event["routing_key"], self.routing_key):
            faults = ["Invalid routing key"]
        if faults:
            return _refused(*faults)
        self.findings += [f"no single line: {text!r}" for text in texts(event) if not text.isprintable()]
        self._take({name: said for name, said in event.items() if name != "routing_key"})
        return Answer(
            202, {"status": "success", "message": "Event processed", "dedup_key": event["dedup_key"]}
        )

    def _take(self, event: dict[str, Any]) -> None:
        key, action = event["dedup_key"], event["event_action"]
        found = next((one for one in self.incidents if one.key == key and one.state != "resolved"), None)
        if found is None and action != "trigger":
            return
        if found is None:
            found = Incident(key)
            self.incidents.append(found)
        found.log.append(event)
        found.state = {"acknowledge": "acknowledged", "resolve": "resolved"}.get(action, found.state)


def _faults(event: dict[str, Any], size: int) -> list[str]:
    payload = event.get("payload") or {}
    needed = event.get("event_action") == "trigger"
    return [
        fault
        for fault, is_there in {
            "Event object is too large": size > _LARGEST,
            "'event_action' is not one of them": event.get("event_action") not in _ACTIONS,
            "Length of 'routing_key' is incorrect": len(str(event.get("routing_key"))) != 32,
            "'dedup_key' is not of 1 to 255 characters": not 0 < len(event.get("dedup_key") or "") <= 255,
            "'payload.summary' is missing": needed and not payload.get("summary"),
            "'payload.summary' is too long": len(payload.get("summary") or "") > 1024,
            "'payload.source' is missing": needed and not payload.get("source"),
            "'payload.severity' is none": needed and payload.get("severity") not in _SEVERITIES,
            "'payload.timestamp' is none": not _is_moment(payload.get("timestamp")),
            "'payload.custom_details' is no object": not isinstance(payload.get("custom_details", {}), dict),
            "'links' have no href": not all(link.get("href") for link in event.get("links", [])),
        }.items()
        if is_there
    ]


def _is_moment(text: str | None) -> bool:
    try:
        return text is None or datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _refused(*faults: str) -> Answer:
    return Answer(
        400, {"status": "invalid event", "message": "Event object is invalid", "errors": list(faults)}
    )


def said(event: dict[str, Any]) -> str:
    """What a reader of the incident sees."""
    return json.dumps(event, ensure_ascii=False)
