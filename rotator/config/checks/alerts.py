"""How loudly alerts speak: a digest that comes, and quiet hours that end and never hide what cannot wait."""

from __future__ import annotations

from datetime import timedelta

from rotator.config.draft import Draft
from rotator.model.references import REFERENCE


def check(draft: Draft) -> None:
    """Complains about what would be told never, or too late."""
    digest, quiet, budget = draft.file.alerts.digest, draft.file.alerts.quiet_hours, draft.file.alerts.budget
    complaints = draft.complaints
    if digest and digest.days == []:
        complaints.error(
            ("alerts", "digest", "days"), "has no day; write at least one, or take it out for all"
        )
    if quiet and quiet.begins == quiet.ends:
        complaints.error(
            ("alerts", "quiet_hours", "to"), "is when they begin: nothing would be told at any hour"
        )
    if quiet and "critical" not in quiet.exceptions:
        sentence = "critical is missing; what is critical cannot wait for the morning"
        complaints.error(("alerts", "quiet_hours", "except"), sentence)
    heartbeat = draft.file.alerts.heartbeat
    if heartbeat and not REFERENCE.fullmatch(heartbeat.url):
        sentence = "is a secret: store it, and write ssm:<path>/rotator/NAME here"
        complaints.error(("alerts", "heartbeat", "url"), sentence)
    for key in ("every", "grace"):
        if heartbeat and getattr(heartbeat, key) <= timedelta():
            complaints.error(("alerts", "heartbeat", key), "must be more than 0")
    if budget and budget.shift is not None and not timedelta() < budget.shift <= timedelta(days=1):
        complaints.error(("alerts", "budget", "shift"), "must be more than 0 and at most 1d")
