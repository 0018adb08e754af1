"""The outbox: brings each alert to every address of its owner, once, again when it worsens, and once when it ends.

What somebody answered holds back what would be said again: an acknowledgement the repeats, a snooze also that it is so
again. Messages that can be edited show the answer, and that it holds no more; nobody is notified of either.

At least once: what a channel took and the journal could not record is told again. An address that fails holds up
nobody else, and is tried again until it was told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

import structlog
from structlog.contextvars import bound_contextvars

from rotator.contracts.channel import AlertChannel, EditingChannel
from rotator.contracts.guard import claimed
from rotator.contracts.parts import Parts
from rotator.engine.settings import Bounds
from rotator.model.alerts import (
    TOLD_CLOSED,
    TOLD_CLOSED_BEFORE,
    TOLD_NOTHING,
    AlertKind,
    AlertRow,
    AlertState,
    Hush,
    Severity,
)
from rotator.model.errors import LostClaim, NotYet, Refused, Transient
from rotator.model.policy import AlertPolicy, Policies

log = structlog.get_logger()
_NEVER = timedelta(days=365)
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
    level = _level(row)
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
    delivered, failed, level, hush = 0, False, _level(row), row.hushed(now)
    repeated = _repeat_due(policies.alerts, row, now)
    to_tell = _to_tell(policies, channels, row, repeats=row.repeats + repeated, answered=hush is not None)
    told = {key: TOLD_NOTHING if repeated else _reached(row, key) for key in to_tell}
    alert = row.alert.model_copy(update={"hush": hush})
    receipts, shown, shows = dict(row.receipts), dict(row.shown), hush.at if hush else None
    for key in to_tell:
        name, _, address = key.partition(":")
        channel, earlier = channels[name], receipts.get(key)
        try:
            if told[key] < level and not (earlier and _snoozed(hush)):
                receipts[key] = channel.deliver(alert, address, earlier)
                told[key], delivered = level, delivered + 1
            elif earlier and shown.get(key) != shows and isinstance(channel, EditingChannel):
                receipts[key] = channel.edit(alert, address, earlier)
            else:
                continue
        except (Transient, NotYet, Refused) as failure:
            failed = True
            log.warning("alert not delivered", channel=name, alert=row.alert.identity, trouble=str(failure))
        else:
            shown = {**shown, key: shows} if shows else {one: at for one, at in shown.items() if one != key}
    repeats = row.repeats + 1 if repeated and delivered else row.repeats
    attempt = row.attempt + 1 if failed else 0
    backoff = min(_LONGEST_BACKOFF, _FIRST_BACKOFF * 2 ** min(attempt, 20))
    changed = row.model_copy(
        update={
            "told": told,
            "receipts": receipts,
            "shown": shown,
            "repeats": repeats,
            "last_told_at": now if delivered else row.last_told_at,
            "attempt": attempt,
            "run_at": now + (backoff if failed else _rest(policies.alerts, row, told, repeats, now)),
        }
    )
    return changed, delivered


def _level(row: AlertRow) -> int:
    """What everybody should have been told by now."""
    return TOLD_CLOSED if row.alert.closed else int(row.alert.severity)


def _reached(row: AlertRow, key: str) -> int:
    """What an address was told; that it is over again is no news to whoever was told no more than that it is over."""
    told = row.told.get(key, TOLD_NOTHING)
    return TOLD_CLOSED if row.alert.closed and told == TOLD_CLOSED_BEFORE else told


def _snoozed(hush: Hush | None) -> bool:
    return hush is not None and hush.state is AlertState.SNOOZED


def _to_tell(
    policies: Policies, channels: Mapping[str, AlertChannel], row: AlertRow, *, repeats: int, answered: bool
) -> Sequence[str]:
    """Who is to be told: the end, whoever heard of it, wherever alerts go by now; else its owner.

    As long as nobody answers it goes on to whom that owner escalates to: what is critical at once, and one further with
    each repeat; anything else once all repeats of the policy were in vain.
    """
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
    above = _above(policies, told, repeats + 1 if loud else repeats + 1 - len(policies.alerts.repeat))
    at_once = addresses(policies, channels, [told, *above[: int(loud)]])
    later = addresses(policies, channels, above)
    return list(dict.fromkeys([*at_once, *(key for key in later if key in row.told or not answered)]))


def _above(policies: Policies, owner: str, steps: int) -> list[str]:
    """At most so many of those whom an owner, and each of them in turn, escalates to."""
    chain = [owner]
    for _ in range(steps):
        above = policies.owners[chain[-1]].escalate_to if chain[-1] in policies.owners else None
        if above is None or above in chain:
            break
        chain.append(above)
    return chain[1:]


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


def _rest(
    alerts: AlertPolicy, row: AlertRow, told: Mapping[str, int], repeats: int, now: datetime
) -> timedelta:
    """How long until there may be something to do again; soon if there was nobody to tell."""
    hush = row.hushed(now)
    if hush is not None:
        return hush.until - now if hush.until is not None else _NEVER
    return _until_repeat(alerts, repeats) if told or row.alert.closed else _LONGEST_BACKOFF


def _until_repeat(alerts: AlertPolicy, repeats: int) -> timedelta:
    """Quieter with age."""
    return alerts.repeat[min(repeats, len(alerts.repeat) - 1)] if alerts.repeat else _NEVER


def _repeat_due(alerts: AlertPolicy, row: AlertRow, now: datetime) -> bool:
    """Whether everybody was told, so long ago that they are told again; also because their own answer has ended."""
    last, hush = row.last_told_at, row.hush
    if last is None or row.alert.severity is Severity.INFO or unheard(row) or row.hushed(now):
        return False
    returned = hush is not None and hush.until is not None and last < hush.until <= now
    return returned or now >= last + _until_repeat(alerts, row.repeats)
