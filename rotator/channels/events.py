"""What a program is told of an alert: one event, the same for every channel whose reader is no person.

A program has one thing open for each dedup key, and closes it when it is told to resolve. An event that is sent again
because its answer was lost has the id that it had before, so whoever keeps ids does nothing twice; one that says
something else, or says it again later, has another.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal

from rotator.channels import wording
from rotator.model.alerts import Alert, AlertKind, Receipt

Action = Literal["trigger", "acknowledge", "resolve", "digest"]

#: PagerDuty's bound of a dedup key, and ours of an identity.
LONGEST_KEY = wording.LONGEST_IDENTITY
_SCHEMA_VERSION = 1
_DIGITS = 32
#: A program reads on where a person would not, but not for ever.
_MOST_ROWS = 100


def action(alert: Alert) -> Action:
    """What becomes of the thing that is open; a digest opens and closes nothing."""
    if alert.kind is AlertKind.DIGEST:
        return "digest"
    if alert.closed:
        return "resolve"
    return "acknowledge" if alert.hush else "trigger"


def dedup_key(alert: Alert, earlier: Receipt | None = None) -> str:
    """The key of the whole conversation: its first alert's identity.

    Of one that is too long: its beginning, and what tells it from others.
    """
    whole = earlier.data["key"] if earlier else alert.identity
    if len(whole) <= LONGEST_KEY and whole.isprintable():
        return whole
    digest = hashlib.sha256(whole.encode()).hexdigest()[:_DIGITS]
    return f"{wording.line(whole, LONGEST_KEY - _DIGITS - 1)}-{digest}"


def event(alert: Alert, earlier: Receipt | None, docs: str | None) -> dict[str, Any]:
    """The event as JSON has it; `docs`: as wording.page has it. docs/reference/webhook.md says what each key means."""
    return {
        "schema_version": _SCHEMA_VERSION,
        "action": action(alert),
        "dedup_key": dedup_key(alert, earlier),
        "kind": alert.kind.value,
        "severity": alert.severity.name.lower(),
        "news": wording.news(alert, earlier.data["told"]) if earlier else "",
        "environment": wording.line(alert.environment, wording.LONGEST_NAME),
        "secret": wording.line(alert.secret, wording.LONGEST_IDENTITY),
        "rotation": wording.line(alert.rotation, wording.LONGEST_NAME),
        "owner": wording.line(alert.owner, wording.LONGEST_NAME),
        "title": wording.headline(alert),
        "facts": dict(wording.facts(alert.model_copy(update={"members": ()}))),
        "rows": [_row(one) for one in wording.whole(alert).members[:_MOST_ROWS]],
        "to_do": wording.action(alert),
        "how_it_stands": wording.look(alert),
        "links": links(alert, docs),
        "opened_at": alert.opened_at.isoformat(),
        "closed_at": alert.closed_at.isoformat() if alert.closed_at else None,
        "closing": wording.closing(alert) if alert.closed else "",
        "answer": _answer(alert),
    }


def _answer(alert: Alert) -> dict[str, Any] | None:
    """Who said what about it, while that holds."""
    hush = alert.hush
    if hush is None:
        return None
    return {
        "state": hush.state.value,
        "by": wording.line(hush.by, wording.LONGEST_NAME),
        "because": wording.line(hush.because, wording.LONGEST_FACT),
        "until": hush.until.isoformat() if hush.until else None,
    }


def _row(member: Alert) -> dict[str, Any]:
    """One of several that a message is about. Each has a key, a program may keep a thing for each."""
    return {
        "dedup_key": dedup_key(member),
        "kind": member.kind.value,
        "severity": member.severity.name.lower(),
        "secret": wording.line(member.secret, wording.LONGEST_IDENTITY),
        "title": wording.headline(member),
        "open": not member.closed,
        "to_do": wording.action(member),
        "opened_at": member.opened_at.isoformat(),
        "closing": wording.closing(member) if member.closed else "",
    }


def links(alert: Alert, docs: str | None) -> dict[str, str]:
    """Pages to open: `page` about its kind, and the secret's `runbook`."""
    pages = {"page": wording.page(alert, docs), "runbook": dict(wording.facts(alert)).get("Runbook", "")}
    return {name: url for name, url in pages.items() if wording.is_link(url)}


def told_times(earlier: Receipt | None) -> int:
    """How many times it will have been told with this event."""
    return int(earlier.data["said"]) + 1 if earlier else 1


def message_id(content: dict[str, Any], opened_at: str, said: int) -> str:
    """The same for the same event, whoever sends it and however often."""
    about = json.dumps([content, opened_at, said], sort_keys=True)
    return f"msg_{hashlib.sha256(about.encode()).hexdigest()[:_DIGITS]}"


def receipt(alert: Alert, earlier: Receipt | None) -> Receipt:
    """What the next event needs: the key, what was told last, and how many times."""
    said = str(told_times(earlier))
    return Receipt(data={"key": dedup_key(alert, earlier), "told": wording.level(alert), "said": said})
