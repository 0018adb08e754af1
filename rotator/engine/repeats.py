"""What goes on is told again: quieter with age, and as long as nobody answers to more and more people.

An answer holds that back until it ends: at its time, or when the alert gets louder. What was held back then is told.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from rotator.model.alerts import TOLD_CLOSED, TOLD_NOTHING, AlertKind, AlertRow, Hush, Severity
from rotator.model.policy import AlertPolicy

_NEVER = timedelta(days=365)
#: What is told again sooner the first time, before alerts.repeat goes on: while it is so, a rotation stands, or goes on
#: only when a person has acted.
_SOONER = {
    AlertKind.STUCK: timedelta(hours=1),
    AlertKind.ROLLOUT_FAILED: timedelta(hours=1),
    AlertKind.STILL_USED: timedelta(hours=4),
}


def repeat_due(alerts: AlertPolicy, row: AlertRow, now: datetime) -> bool:
    """Whether everybody was told, so long ago that they are told again; or the answer of somebody has ended since."""
    last, hush = row.last_told_at, row.hush
    if last is None or row.alert.severity is Severity.INFO or row.hushed(now) or unheard(row):
        return False
    return _ended_since(last, hush, now) or now >= last + until_repeat(alerts, row.alert.kind, row.repeats)


def unheard(row: AlertRow) -> list[str]:
    """Addresses ("channel:address") that were tried and could not be told what the alert says now."""
    level = TOLD_CLOSED if row.alert.closed else int(row.alert.severity)
    return [key for key, told in row.told.items() if TOLD_NOTHING <= told < level]


def until_repeat(alerts: AlertPolicy, kind: AlertKind, repeats: int) -> timedelta:
    """How long until it is told again, after so many times: quieter with age."""
    waits = _waits(alerts, kind)
    return waits[min(repeats, len(waits) - 1)] if waits else _NEVER


def until_answer_ends(hush: Hush, now: datetime) -> timedelta:
    """How long an answer holds at most."""
    return hush.until - now if hush.until is not None else _NEVER


def steps_up(alerts: AlertPolicy, row: AlertRow, now: datetime) -> int:
    """To how many of those whom its owner, and each of them in turn, escalates to it goes.

    What is critical to one at once, and to one more with each repeat; anything else once all repeats were in vain.
    """
    repeats, waits = row.repeats + repeat_due(alerts, row, now), _waits(alerts, row.alert.kind)
    if row.alert.severity is Severity.CRITICAL:
        return repeats + 1
    return max(0, repeats + 1 - len(waits)) if waits else 0


def _waits(alerts: AlertPolicy, kind: AlertKind) -> tuple[timedelta, ...]:
    sooner = _SOONER.get(kind)
    if sooner is None or not alerts.repeat or alerts.repeat[0] <= sooner:
        return alerts.repeat
    return (sooner, *alerts.repeat)


def _ended_since(last: datetime, hush: Hush | None, now: datetime) -> bool:
    return hush is not None and hush.until is not None and last < hush.until <= now
