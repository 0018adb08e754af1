"""What holds up whole environments, or rotator itself: whoever looks is told, because rows cannot show it.

A secret whose store is away keeps the age that was seen last; a policy that was rejected changes nothing. Both look
healthy in a row, and neither is.
"""

from __future__ import annotations

from collections.abc import Iterator

from rotator.contracts.record import Record
from rotator.model.alerts import AlertKind
from rotator.model.policy import Policies

#: Alerts about the installation that no row tells.
_UNSEEN_IN_ROWS = {AlertKind.POLICY_REJECTED, AlertKind.DELIVERY_FAILED}


def troubles(record: Record, policies: Policies, env: str | None = None) -> Iterator[str]:
    """One sentence each, of the environment `env` or of all."""
    for name, survey in record.surveyed().items():
        if name not in policies.environments or env not in {None, name}:
            continue
        if survey.foreign_owner:
            yield f"{name}: {survey.foreign_owner}"
        if survey.trouble or survey.unheld:
            yield f"{name}: {survey.trouble or survey.unheld}"
    for row in record.alerts(unclosed=True):
        alert = row.alert
        if alert.kind in _UNSEEN_IN_ROWS and not alert.closed:
            yield ": ".join(part for part in (alert.title, alert.facts.get("What", "")) if part)
