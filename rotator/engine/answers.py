"""What people answer to an alert: I am on it, or not now. Carried out, or refused with how it stands by now.

The terminal and Slack leave the same requests, so an answer is kept with who gave it and why, whichever way it came.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from rotator.contracts.parts import Parts
from rotator.engine.ages import age_of, spell
from rotator.model.alert_ids import PREFIX
from rotator.model.alerts import (
    CRITICAL_RETURNS_AFTER,
    LONGEST_SNOOZE,
    AlertRow,
    AlertState,
    Hush,
    Severity,
)
from rotator.model.observations import History
from rotator.model.requests import Request, RequestKind, RequestState


def alerts_named(typed: str, rows: Iterable[AlertRow]) -> list[AlertRow]:
    """The alerts that somebody means: one by its identity, or those whose id begins so (`al_` may be left out)."""
    known = list(rows)
    exact = [row for row in known if row.alert.identity == typed]
    begins = typed if typed.startswith(PREFIX) else f"{PREFIX}{typed}"
    return exact or [row for row in known if typed and row.alert.id.startswith(begins)]


def answer_alert(parts: Parts, request: Request) -> tuple[RequestState, str]:
    """Acknowledges or snoozes the alert that a request is about."""
    now = parts.journal.now()
    found = alerts_named(request.about, parts.journal.alerts(unclosed=False))
    if len(found) != 1:
        return RequestState.REFUSED, f"there is no alert {request.about}: rotator alerts"
    (row,) = found
    if row.hush is not None and _given(row.hush, request):
        return RequestState.TAKEN, f"{row.alert.id} {_following(row.hush)}"
    sentence = stale(row, request.kind, now) or _too_long(parts, row, request, now)
    if sentence:
        return RequestState.REFUSED, sentence
    hush = _hush(row, request, now)
    if not parts.journal.hush_alert(row.alert.identity, hush):
        return RequestState.REFUSED, f"{row.alert.id} is over by now"
    return RequestState.TAKEN, f"{row.alert.id} {_following(hush)}"


def stale(row: AlertRow, kind: RequestKind, now: datetime) -> str:
    """Why there is nothing to answer any more, a sentence; empty while there is."""
    alert, hush = row.alert, row.hushed(now)
    if alert.closed_at is not None:
        return f"{alert.id} is over since {_moment(alert.closed_at)}: {alert.closing}"
    if kind is RequestKind.ACKNOWLEDGE and hush is not None and hush.state is AlertState.ACKNOWLEDGED:
        return f"{alert.id} is already {answered(hush)}"
    return ""


def answered(hush: Hush) -> str:
    """Who answered what and when, in words."""
    until = f" until {_moment(hush.until)}" if hush.until else ""
    because = f": {hush.because}" if hush.because else ""
    return f"{hush.state} by {hush.by} at {_moment(hush.at)}{until}{because}"


def snooze_ends_by(parts: Parts, row: AlertRow, now: datetime) -> tuple[datetime, str]:
    """The latest end of a snooze, and what sets it, a sentence."""
    longest = now + LONGEST_SNOOZE, f"a snooze ends within {LONGEST_SNOOZE.days} days"
    policy = parts.policies().secrets.get(row.alert.secret)
    if policy is None or policy.max_age is None:
        return longest
    history = parts.journal.histories().get(policy.secret, History())
    age = age_of(history, parts.journal.observed().get(policy.secret))
    if age is None or age.born + policy.max_age >= longest[0]:
        return longest
    oldest = age.born + policy.max_age
    reached = "reached" if oldest <= now else "reaches"
    return oldest, f"{policy.secret} {reached} its max_age of {spell(policy.max_age)} at {_moment(oldest)}"


def _too_long(parts: Parts, row: AlertRow, request: Request, now: datetime) -> str:
    if request.kind is not RequestKind.SNOOZE:
        return ""
    latest, why = snooze_ends_by(parts, row, now)
    if latest <= now:
        return f"{why}: it cannot be snoozed any more; rotator ack {row.alert.id}"
    if request.until is None or not now < request.until <= latest:
        return f"{row.alert.id} can be snoozed until {_moment(latest)}: {why}"
    return ""


def _given(hush: Hush, request: Request) -> bool:
    """Whether that answer is this request's: another replica carried it out as well."""
    snoozed = request.kind is RequestKind.SNOOZE
    same = (hush.by, hush.via, hush.because) == (request.by, request.via, request.because)
    return same and hush.at >= request.at and snoozed is (hush.state is AlertState.SNOOZED)


def _hush(row: AlertRow, request: Request, now: datetime) -> Hush:
    told = [Severity(level) for level in row.told.values() if level in set(Severity)]
    severity = max([row.alert.severity, *told])
    snoozed = request.kind is RequestKind.SNOOZE
    returns = now + CRITICAL_RETURNS_AFTER if severity is Severity.CRITICAL else None
    return Hush(
        state=AlertState.SNOOZED if snoozed else AlertState.ACKNOWLEDGED,
        by=request.by,
        via=request.via,
        because=request.because,
        at=now,
        until=request.until if snoozed else returns,
        severity=severity,
    )


def _following(hush: Hush) -> str:
    """What comes of it."""
    if hush.state is AlertState.SNOOZED and hush.until is not None:
        return f"is snoozed until {_moment(hush.until)}; it comes back sooner if it gets worse"
    if hush.until is not None:
        return f"is acknowledged; it is critical, and comes back at {_moment(hush.until)} if it is so by then"
    return "is acknowledged; it comes back if it gets worse"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
