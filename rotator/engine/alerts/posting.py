"""How what is so gets into the outbox: since when it is so stays, and what says the same is not posted again."""

from __future__ import annotations

from datetime import timedelta

from rotator.contracts.parts import Parts
from rotator.model.alerts import Alert


def post(parts: Parts, alert: Alert, before: Alert | None, wait: timedelta) -> None:
    """Posts it, to be told after `wait`. `before`: what the outbox holds of it."""
    if before is not None:
        alert = alert.model_copy(update={"opened_at": before.opened_at})
    if alert != before:
        parts.journal.post_alert(alert, wait)
