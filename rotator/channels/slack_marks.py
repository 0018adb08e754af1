"""What a message bears so that it is known again: Slack has no idempotency key, and shows metadata to apps only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from slack_sdk.web import SlackResponse

from rotator.channels.slack_answers import Rejected, answer
from rotator.model.alerts import Alert

_EVENT, _ANSWER = "rotator_alert", "rotator_answer"
#: An answer that was lost is minutes old, so its message is among the latest.
_LATEST = 100


def found(metadata: dict[str, Any], listing: Callable[..., SlackResponse], **where: str) -> str | None:
    """The ts of a message with that metadata among the latest; None also when the app may not look."""
    try:
        messages = answer(listing, limit=_LATEST, include_all_metadata=True, **where)["messages"]
    except Rejected:
        return None
    return next((message["ts"] for message in messages if message.get("metadata") == metadata), None)


def mark(alert: Alert, said: int) -> dict[str, Any]:
    """What a message is about: which alert, which life of it, and which of its messages."""
    about = {"alert": alert.identity, "opened_at": alert.opened_at.isoformat(), "said": said}
    return {"event_type": _EVENT, "event_payload": about}


def answer_mark(which: str) -> dict[str, Any]:
    """What a message in a thread is about that tells of somebody's answer."""
    return {"event_type": _ANSWER, "event_payload": {"answer": which}}
