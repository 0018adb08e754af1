"""The outbox: brings each alert to every address of its owner, once, again when it worsens, and once when it ends.

At least once: what a channel took and the journal could not record is told again. An address that fails holds up
nobody else, and is tried again until it was told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

import structlog
from structlog.contextvars import bound_contextvars

from rotator.contracts.channel import AlertChannel
from rotator.contracts.guard import claimed
from rotator.contracts.parts import Parts
from rotator.engine.settings import Bounds
from rotator.model.alerts import AlertKind, AlertRow, Severity
from rotator.model.errors import LostClaim, NotYet, Refused, Transient
from rotator.model.policy import AlertPolicy, Policies

log = structlog.get_logger()
#: AlertRow.told of an address: the severity it was told, this before it was told any, or that once it was told the end.
_NOTHING, _CLOSED = 0, 9
_FIRST_BACKOFF, _LONGEST_BACKOFF = timedelta(seconds=2), timedelta(minutes=5)


def deliver_due(
    parts: Parts,
    channels: Mapping[str, AlertChannel],
    owner: str,
    bounds: Bounds,
    limit: int = 20,
) -> int:
    """Delivers alerts whose time has come, one claim after the other. Returns how many messages went out."""
    delivered = 0
    for _ in range(limit):
        asked = parts.clock.monotonic()
        rows = parts.journal.claim_alerts(owner, 1, bounds.lease)
        if not rows:
            break
        ends = asked + bounds.lease.total_seconds()
        try:
            with bound_contextvars(**_told_of(rows[0])), claimed(partial(_outlives, parts, ends)):
                changed, heard = tell(parts.policies(), channels, rows[0], parts.journal.now())
                parts.journal.checkpoint_alert(rows[0], changed)
                delivered += heard
        except LostClaim:
            log.info("claim lost", alert=rows[0].alert.identity)
    return delivered


def unheard(row: AlertRow) -> list[str]:
    """Addresses ("channel:address") that were tried and could not be told what the alert says now."""
    level = _CLOSED if row.alert.closed else int(row.alert.severity)
    return [key for key, told in row.told.items() if told < level]


def _told_of(row: AlertRow) -> dict[str, str]:
    """What every line about its delivery bears."""
    return {"rotation": row.alert.rotation} if row.alert.rotation else {}


def _outlives(parts: Parts, ends: float, seconds: float) -> None:
    if parts.clock.monotonic() + seconds >= ends:
        raise LostClaim("the claim does not outlive the call")


def tell(
    policies: Policies, channels: Mapping[str, AlertChannel], row: AlertRow, now: datetime
) -> tuple[AlertRow, int]:
    """One alert to every address that has not been told what it says now: the row then, and how many heard it."""
    delivered, level = 0, _CLOSED if row.alert.closed else int(row.alert.severity)
    repeated = _repeat_due(policies.alerts, row, now)
    told = {
        key: _NOTHING if repeated else row.told.get(key, _NOTHING)
        for key in _to_tell(policies, channels, row)
    }
    receipts = dict(row.receipts)
    for key in [key for key in told if told[key] < level]:
        channel, _, address = key.partition(":")
        try:
            receipts[key] = channels[channel].deliver(row.alert, address, receipts.get(key))
            told[key], delivered = level, delivered + 1
        except (Transient, NotYet, Refused) as failure:
            log.warning(
                "alert not delivered", channel=channel, alert=row.alert.identity, trouble=str(failure)
            )
    failed = any(reached < level for reached in told.values())
    repeats = row.repeats + 1 if repeated and delivered else row.repeats
    attempt = row.attempt + 1 if failed else 0
    backoff = min(_LONGEST_BACKOFF, _FIRST_BACKOFF * 2 ** min(attempt, 20))
    changed = row.model_copy(
        update={
            "told": told,
            "receipts": receipts,
            "repeats": repeats,
            "last_told_at": now if delivered else row.last_told_at,
            "attempt": attempt,
            "run_at": now + (backoff if failed else _rest(policies.alerts, row, told, repeats)),
        }
    )
    return changed, delivered


def _to_tell(policies: Policies, channels: Mapping[str, AlertChannel], row: AlertRow) -> Sequence[str]:
    """Who is to be told: the end, whoever heard of it, wherever alerts go by now; else its owner."""
    if row.alert.closed:
        return [key for key in row.receipts if key.partition(":")[0] in channels]
    owners = [row.alert.owner, policies.default_owner]
    if row.alert.kind is AlertKind.DELIVERY_FAILED:
        everyone = addresses(policies, channels, [*owners, *policies.owners])
        return [key for key in everyone if key != row.alert.facts.get("Where")]
    told = next((owner for owner in owners if addresses(policies, channels, [owner])), None)
    if told is None:
        log.error("nobody can be told: no address of its owner has a channel", alert=row.alert.identity)
        return []
    loud = row.alert.severity is Severity.CRITICAL
    return addresses(policies, channels, [told, policies.owners[told].escalate_to or ""] if loud else [told])


def addresses(policies: Policies, channels: Mapping[str, AlertChannel], owners: Iterable[str]) -> list[str]:
    """Where those owners can be reached, as "channel:address"."""
    found = (
        f"{channel}:{address}"
        for owner in owners
        if owner in policies.owners
        for channel, address in policies.owners[owner].addresses.items()
        if channel in channels
    )
    return list(dict.fromkeys(found))


def _rest(alerts: AlertPolicy, row: AlertRow, told: Mapping[str, int], repeats: int) -> timedelta:
    """How long until there may be something to do again; soon if there was nobody to tell."""
    return _until_repeat(alerts, repeats) if told or row.alert.closed else _LONGEST_BACKOFF


def _until_repeat(alerts: AlertPolicy, repeats: int) -> timedelta:
    """Quieter with age."""
    return alerts.repeat[min(repeats, len(alerts.repeat) - 1)] if alerts.repeat else timedelta(days=365)


def _repeat_due(alerts: AlertPolicy, row: AlertRow, now: datetime) -> bool:
    """Whether everybody was told, so long ago that they are told again."""
    if row.last_told_at is None or row.alert.severity is Severity.INFO or unheard(row):
        return False
    return now >= row.last_told_at + _until_repeat(alerts, row.repeats)
