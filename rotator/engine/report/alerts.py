"""Alerts that are not over, as whoever looks is told of them: what, how loud, since when, and who has answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from rotator.engine.answers import answered
from rotator.engine.report.times import moment
from rotator.model.alerts import AlertKind, AlertRow
from rotator.model.policy import Policies

#: What is told elsewhere: as a trouble, as a section, or only to those who are told.
_TOLD_ELSEWHERE: Final = frozenset(
    {
        AlertKind.POLICY_REJECTED, AlertKind.DELIVERY_FAILED, AlertKind.UNREACHABLE, AlertKind.FOREIGN_OWNER,
        AlertKind.UNMANAGED, AlertKind.DIGEST,
    }
)  # fmt: skip


def alerts_by_secret(rows: Iterable[AlertRow]) -> Mapping[str, list[AlertRow]]:
    """Those of secrets, the loudest first."""
    found: dict[str, list[AlertRow]] = {}
    for row in rows:
        if row.alert.secret and not row.alert.closed:
            found.setdefault(row.alert.secret, []).append(row)
    return found


def alerts_beside(rows: Iterable[AlertRow], policies: Policies) -> list[AlertRow]:
    """Those that no secret of the policy shows, the loudest first."""
    return [
        row
        for row in rows
        if not row.alert.closed
        and row.alert.secret not in policies.secrets
        and row.alert.kind not in _TOLD_ELSEWHERE
    ]


def alert_told(row: AlertRow, now: datetime) -> str:
    """For people."""
    alert, hush = row.alert, row.hushed(now)
    loud = f"{alert.kind}, {alert.severity.name.lower()}"
    said = f"; {answered(hush)}" if hush else ""
    return f"{alert.title} ({loud}), since {moment(alert.opened_at)}{said}; {alert.id}"


def alert_facts(row: AlertRow, now: datetime) -> dict[str, Any]:
    """For machines."""
    alert, hush = row.alert, row.hushed(now)
    told = alert.model_dump(mode="json", include={"identity", "kind", "severity", "title", "opened_at"})
    return {"id": alert.id, **told, "state": row.state(now).value, "answered_by": hush.by if hush else None}
