"""Routing: to which addresses an alert goes now, which of them have to wait, and until when.

Its owner, at every address that has a channel. Whoever has none is stood in for by the default owner, and so is
whoever hears nothing for a while. What is critical goes to whom its owner escalates to as well, and what nobody answers
further up, within the budget of pages. What is info is only in the digest, where there is one. Quiet hours put off, and
never swallow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from rotator.contracts.channel import AlertChannel
from rotator.engine.repeats import steps_up
from rotator.model.alerts import TOLD_CLOSED, TOLD_LATER, TOLD_NOTHING, AlertKind, AlertRow, Severity
from rotator.model.policy import Policies

log = structlog.get_logger()
#: As AlertRow.told has them.
HELD, NOTHING, CLOSED = TOLD_LATER, TOLD_NOTHING, TOLD_CLOSED
_FIRST_BACKOFF, _LONGEST_BACKOFF = timedelta(seconds=2), timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Route:
    """Where an alert goes. `pages`: those of `keys` that count as pages. `later`: nobody is told before then."""

    keys: Sequence[str]
    pages: frozenset[str] = frozenset()
    later: datetime | None = None


def route(
    policies: Policies,
    channels: Mapping[str, AlertChannel],
    row: AlertRow,
    now: datetime,
    stand_in_after: timedelta,
) -> Route:
    """Where it goes: the end, wherever it was told; else whom it concerns."""
    alert, quiet = row.alert, policies.alerts.quiet_hours
    if alert.kind is AlertKind.DIGEST:
        told_of = alert.members or alert.facts
        return Route(_owners(policies, channels, row) if told_of and not alert.closed else ())
    later = quiet.over(now, _loudness(row)) if quiet else now
    if alert.closed:
        keys = [key for key in row.receipts if key.partition(":")[0] in channels]
        return Route(keys, later=later if later > now and keys else None)
    if alert.severity is Severity.INFO and policies.alerts.digest is not None:
        return Route(list(row.told), later=now + timedelta(days=365))
    if alert.kind is AlertKind.DELIVERY_FAILED:
        everyone = addresses(policies, channels, [alert.owner, policies.default_owner, *policies.owners])
        return Route([key for key in everyone if key != alert.facts.get("Where")])
    own = _owners(policies, channels, row)
    pages = _escalated(policies, channels, row, now)
    heard = any(row.told.get(key, NOTHING) >= alert.severity for key in own)
    unheard_for = waited(row.attempt)
    stand_ins = (
        addresses(policies, channels, [policies.default_owner])
        if row.attempt and not heard and unheard_for >= stand_in_after
        else []
    )
    keys = list(dict.fromkeys([*own, *pages, *stand_ins]))
    budgeted = frozenset(pages) - frozenset(own) if alert.severity is Severity.CRITICAL else frozenset[str]()
    return Route(keys, budgeted, later if later > now else None)


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


def backoff(attempt: int) -> timedelta:
    """How long to wait after so many failed attempts."""
    return min(_LONGEST_BACKOFF, _FIRST_BACKOFF * (1 << min(attempt, 20)))


def waited(attempts: int) -> timedelta:
    """How long after the first failed attempt the next one is, once so many have failed."""
    return sum((backoff(attempt) for attempt in range(1, min(attempts, 100) + 1)), timedelta())


def _owners(policies: Policies, channels: Mapping[str, AlertChannel], row: AlertRow) -> list[str]:
    """The addresses of its owner, else of the default owner."""
    for owner in (row.alert.owner, policies.default_owner):
        found = addresses(policies, channels, [owner])
        if found:
            return found
    log.error("nobody can be told: no address of its owner has a channel", alert=row.alert.identity)
    return []


def _escalated(
    policies: Policies, channels: Mapping[str, AlertChannel], row: AlertRow, now: datetime
) -> list[str]:
    """The addresses of whom its owner, or who stands in for that one, escalates to.

    What somebody has answered goes no further up than it went by then: a page that was held is not left any more.
    """
    told = next(
        (one for one in (row.alert.owner, policies.default_owner) if addresses(policies, channels, [one])),
        None,
    )
    if told is None:
        return []
    pages = addresses(policies, channels, _above(policies, told, steps_up(policies.alerts, row, now)))
    return [key for key in pages if key in row.receipts] if row.hushed(now) else pages


def _above(policies: Policies, owner: str, steps: int) -> list[str]:
    """At most so many of those whom an owner, and each of them in turn, escalates to."""
    chain = [owner]
    for _ in range(steps):
        above = policies.owners[chain[-1]].escalate_to if chain[-1] in policies.owners else None
        if above is None or above in chain:
            break
        chain.append(above)
    return chain[1:]


def _loudness(row: AlertRow) -> Severity:
    """How loud it is; its end is as loud as it ever was where it was told."""
    if not row.alert.closed:
        return row.alert.severity
    told = [told for told in row.told.values() if NOTHING < told < CLOSED]
    return Severity(max([*told, row.alert.severity]))
