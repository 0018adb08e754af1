"""The outbox: brings each alert to every address that it concerns, once, again when it worsens, and once when it ends.

At least once: what a channel took and the journal could not record is told again. An address that fails holds up
nobody else, and is tried again until it was told. What is due at one moment for one reader is one message. Messages
that can be edited show what somebody answered, and that it holds no more; nobody is notified of either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog
from structlog.contextvars import bound_contextvars

from rotator.contracts.channel import AlertChannel, EditingChannel, RemindedChannel
from rotator.contracts.guard import claimed
from rotator.contracts.parts import Parts
from rotator.engine.budget import free_from
from rotator.engine.bundles import as_one, company
from rotator.engine.repeats import repeat_due, until_answer_ends, until_repeat
from rotator.engine.routing import CLOSED, HELD, NOTHING, Route, backoff, route, waited
from rotator.engine.settings import Bounds
from rotator.model.alerts import TOLD_CLOSED_BEFORE, Alert, AlertRow, AlertState, Hush, Receipt, Severity
from rotator.model.errors import LostClaim, NotYet, Refused, Transient
from rotator.model.policy import AlertPolicy, Policies

log = structlog.get_logger()
_USUAL = Bounds()
_LONGEST_REST = timedelta(minutes=5)
#: Posted one after the other in the same look, their times are a moment apart.
_A_MOMENT = timedelta(seconds=2)
#: Receipts of early versions do not tell when.
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def deliver_next(
    parts: Parts, channels: Mapping[str, AlertChannel], owner: str, bounds: Bounds
) -> int | None:
    """Delivers the alert whose time came first, and its company: how many messages went out, None if none is due."""
    asked = parts.clock.monotonic()
    outbox = parts.journal.alerts()  # as it is before the claim: company() wants to know who held them
    rows = list(parts.journal.claim_alerts(owner, 1, bounds.lease))
    if not rows:
        return None
    named = [row.alert.identity for row in company(outbox, rows[0].alert)]
    rows += parts.journal.claim_company(owner, named, bounds.lease, _A_MOMENT)
    ends = asked + bounds.lease.total_seconds()
    try:
        with bound_contextvars(**_told_of(rows[0])), claimed(partial(_outlives, parts, ends)):
            now = parts.journal.now()
            changed, delivered = tell(
                parts.policies(),
                channels,
                rows,
                now,
                bounds,
                outbox=outbox,
                pages_from=partial(free_from, parts.journal, parts.policies(), now),
                note=partial(_note, parts, rows),
            )
            parts.journal.checkpoint_alerts(list(zip(rows, changed, strict=True)))
            return delivered
    except LostClaim:
        log.info("claim lost", alert=rows[0].alert.identity)
        return 0


def _note(parts: Parts, rows: Sequence[AlertRow], changed: Sequence[AlertRow]) -> None:
    """Whoever was told is written down before the next one is: a process that is killed then tells few people twice."""
    parts.journal.checkpoint_alerts(list(zip(rows, changed, strict=True)), release=False)


def _told_of(row: AlertRow) -> dict[str, str]:
    """What every line about its delivery bears."""
    return {"rotation": row.alert.rotation} if row.alert.rotation else {}


def _outlives(parts: Parts, ends: float, seconds: float) -> None:
    if parts.clock.monotonic() + seconds >= ends:
        raise LostClaim("the claim does not outlive the call")


def tell(
    policies: Policies,
    channels: Mapping[str, AlertChannel],
    rows: Sequence[AlertRow],
    now: datetime,
    bounds: Bounds = _USUAL,
    *,
    outbox: Sequence[AlertRow] = (),
    pages_from: Callable[[frozenset[str], Sequence[AlertRow]], datetime | None] = lambda _pages, _rows: None,
    note: Callable[[Sequence[AlertRow]], None] = lambda _changed: None,
) -> tuple[list[AlertRow], int]:
    """Alerts to every address that has not been told what they say now: the rows then, and how many messages went out.

    `rows` are company. `outbox`: all of it, among which their conversations' others are. `pages_from` says when
    addresses that are paged may be told of them, None for now. `note` is told how far they are between two messages.
    """
    ways = [route(policies, channels, row, now, bounds.stand_in_after) for row in rows]
    telling = [_Telling.of(policies, row, way, now) for row, way in zip(rows, ways, strict=True)]
    pages = frozenset(key for one in telling if one.news for key in one.route.pages)
    pages_later = pages_from(pages, rows) if pages else None
    for one in telling:
        one.hold_pages(pages_later)
    messages = [
        (key, some)
        for key in dict.fromkeys(key for one in telling for key in one.told)
        for some in _messages(key, telling)
    ]
    delivered = noted = 0
    for key, some in messages:
        if delivered > noted:
            note([one.ended(policies.alerts, now, bounds) for one in telling])
            noted = delivered
        delivered += _deliver(channels, key, some, outbox, now)
    edits = [(key, one) for one in telling for key in one.showing_otherwise(channels)]
    if edits and delivered > noted:
        note([one.ended(policies.alerts, now, bounds) for one in telling])
    for key, one in edits:
        _edit(channels, key, one, outbox, now)
    return [one.ended(policies.alerts, now, bounds) for one in telling], delivered


@dataclass
class _Telling:
    """One alert on its way to its addresses."""

    row: AlertRow
    route: Route
    level: int
    repeated: bool
    told: dict[str, int]
    receipts: dict[str, Receipt]
    hush: Hush | None
    shown: dict[str, datetime]
    failures: dict[str, str]
    heard: bool = False
    unshown: bool = False  # a message does not show the answer yet
    pages_later: datetime | None = None

    @classmethod
    def of(cls, policies: Policies, row: AlertRow, way: Route, now: datetime) -> _Telling:
        level = CLOSED if row.alert.closed else int(row.alert.severity)
        repeated = way.later is None and repeat_due(policies.alerts, row, now)
        hush = row.hushed(now)
        told = {key: NOTHING if repeated else _reached(row, key, hush) for key in way.keys}
        failures = {key: why for key, why in row.failures.items() if key in told}
        return cls(row, way, level, repeated, told, dict(row.receipts), hush, dict(row.shown), failures)

    @property
    def news(self) -> list[str]:
        """The addresses that do not know yet, and may now."""
        if self.route.later:
            return []
        return [
            key
            for key, told in self.told.items()
            if told < self.level and not (told == TOLD_CLOSED_BEFORE and key in self.receipts)
        ]

    def showing_otherwise(self, channels: Mapping[str, AlertChannel]) -> list[str]:
        """Addresses whose message can be edited, and shows another answer than the one that holds, if any does."""
        shows = self.hush.at if self.hush else None
        return [
            key
            for key in self.told
            if key in self.receipts and self.shown.get(key) != shows and not self.row.alert.closed
            if isinstance(channels[key.partition(":")[0]], EditingChannel)
        ]

    def shows(self, key: str) -> None:
        """The message at this address shows the answer that holds."""
        self.shown.pop(key, None)
        if self.hush is not None:
            self.shown[key] = self.hush.at

    def hold_pages(self, later: datetime | None) -> None:
        """No page is left before then."""
        self.pages_later = later if any(self.told[key] < self.level for key in self.route.pages) else None
        for key in self.route.pages if self.pages_later else ():
            self.told[key] = HELD
        for key in self.route.pages if not self.pages_later else ():
            self.told[key] = max(self.told[key], NOTHING)

    def ended(self, alerts: AlertPolicy, now: datetime, bounds: Bounds) -> AlertRow:
        """The row as it is to be written."""
        unheard = self.route.later is None and any(
            NOTHING <= told < self.level for told in self.told.values()
        )
        failed = unheard or self.unshown
        repeats = self.row.repeats + 1 if self.repeated and self.heard else self.row.repeats
        attempt = self.row.attempt + 1 if failed else 0
        if failed:
            rest = _until_next_attempt(attempt, self.told, self.level, bounds)
        else:
            rest = self._rest(alerts, repeats, now)
        changes = {
            "told": self.told,
            "receipts": self.receipts,
            "shown": self.shown,
            "failures": self.failures,
            "repeats": repeats,
            "last_told_at": now if self.heard else self.row.last_told_at,
            "attempt": attempt,
            "run_at": now + rest,
        }
        return self.row.model_copy(update=changes)

    def _rest(self, alerts: AlertPolicy, repeats: int, now: datetime) -> timedelta:
        """How long until there may be something to do again; soon if there was nobody to tell."""
        if self.route.later:
            return self.route.later - now
        usual = (
            until_repeat(alerts, self.row.alert.kind, repeats)
            if self.told or self.row.alert.closed
            else _LONGEST_REST
        )
        if self.hush is not None:
            usual = until_answer_ends(self.hush, now)
        return min(usual, max(self.pages_later - now, timedelta())) if self.pages_later else usual


def _messages(key: str, telling: Sequence[_Telling]) -> Iterator[list[_Telling]]:
    """What this address is to be told, one message each: the same news, for the first time or in one conversation."""
    together: dict[tuple[object, ...], list[_Telling]] = {}
    for one in telling:
        if one.told.get(key) != HELD and key in one.news:
            receipt = one.receipts.get(key)
            where = (receipt.thread or one.row.alert.identity) if receipt else ""
            together.setdefault((where, one.level, one.row.told.get(key, NOTHING)), []).append(one)
    yield from together.values()


def _deliver(
    channels: Mapping[str, AlertChannel],
    key: str,
    some: Sequence[_Telling],
    outbox: Sequence[AlertRow],
    now: datetime,
) -> int:
    """One message to one address; 1 when it was heard. LostClaim ends everything, any other trouble only this."""
    channel, _, address = key.partition(":")
    earlier = some[0].receipts.get(key)
    alert = _message(key, some, outbox, now)
    _remind(channels[channel], key, outbox)
    try:
        receipt = channels[channel].deliver(alert, address, earlier)
    except (Transient, NotYet, Refused) as failure:
        log.warning("alert not delivered", channel=channel, alert=alert.identity, trouble=str(failure))
        for one in some:
            one.failures[key] = str(failure)
        return 0
    thread = earlier.thread if earlier else alert.identity if len(some) > 1 else ""
    for one in some:
        told_at = now if one.level != CLOSED or not earlier else earlier.told_at
        critical = one.level == Severity.CRITICAL or (earlier is not None and one.receipts[key].critical)
        kept = {"thread": thread, "told_at": told_at, "critical": critical}
        one.receipts[key] = receipt.model_copy(update=kept)
        one.told[key], one.heard = one.level, True
        one.failures.pop(key, None)
        one.shows(key)
    return 1


def _remind(channel: AlertChannel, key: str, outbox: Sequence[AlertRow]) -> None:
    """Tells a channel what the journal knows of an address; another process may have been there."""
    there = [row.receipts[key] for row in outbox if key in row.receipts]
    if there and isinstance(channel, RemindedChannel):
        channel.remind(key.partition(":")[2], max(there, key=lambda one: one.told_at or _LONG_AGO))


def _edit(
    channels: Mapping[str, AlertChannel], key: str, one: _Telling, outbox: Sequence[AlertRow], now: datetime
) -> None:
    """Makes the message at one address show the answer that holds, or that none does; nobody is notified."""
    name, _, address = key.partition(":")
    channel, earlier = channels[name], one.receipts[key]
    assert isinstance(channel, EditingChannel), "showing_otherwise() names no other"
    alert = _message(key, [one], outbox, now)
    try:
        receipt = channel.edit(alert, address, earlier)
    except (Transient, NotYet, Refused) as failure:
        log.warning("answer not shown", channel=name, alert=alert.identity, trouble=str(failure))
        one.unshown = True
        return
    one.receipts[key] = earlier.model_copy(update={"data": receipt.data})
    one.shows(key)


def _reached(row: AlertRow, key: str, hush: Hush | None) -> int:
    """What an address was told by now. That it is over is no news where it was told, and nothing since.

    That it is so again is news, but not to whoever snoozed it.
    """
    told = row.told.get(key, NOTHING)
    if told != TOLD_CLOSED_BEFORE or (hush is not None and hush.state is AlertState.SNOOZED):
        return told
    return CLOSED if row.alert.closed else NOTHING


def _answered(row: AlertRow, now: datetime) -> Alert:
    """The alert with the answer that holds."""
    return row.alert.model_copy(update={"hush": row.hushed(now)})


def _message(key: str, some: Sequence[_Telling], outbox: Sequence[AlertRow], now: datetime) -> Alert:
    """The alert itself, or one about all of them, in the conversation that they share."""
    earlier, ours = some[0].receipts.get(key), {one.row.alert.identity for one in some}
    thread = earlier.thread if earlier else ""
    if len(some) == 1 and not thread:
        return _answered(some[0].row, now)
    beside = [
        _answered(row, now)
        for row in outbox
        if thread and not row.alert.closed and row.alert.identity not in ours
        if key in row.receipts and row.receipts[key].thread == thread
    ]
    return as_one([_answered(one.row, now) for one in some], beside)


def _until_next_attempt(attempt: int, told: Mapping[str, int], level: int, bounds: Bounds) -> timedelta:
    """More and more seldom; where nobody has heard, not later than when others stand in."""
    pause, so_far = backoff(attempt), waited(attempt - 1)
    if level in told.values() or so_far >= bounds.stand_in_after:
        return pause
    return min(pause, bounds.stand_in_after - so_far)
