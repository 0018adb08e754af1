"""The budget of pages: those to whom critical alerts escalate are told of so many within a shift, and of no more.

A page is one message, however many alerts it tells of. Whoever was paged about something hears how it goes on. Nothing
is swallowed: owners hear everything, and the alert `pages_held` stands for what was held.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from rotator.contracts.journal import Journal
from rotator.engine.routing import HELD
from rotator.model.alerts import AlertKind, AlertRow
from rotator.model.policy import Policies


def free_from(
    journal: Journal, policies: Policies, now: datetime, pages: frozenset[str], rows: Sequence[AlertRow]
) -> datetime | None:
    """From when on these addresses may be paged about these alerts; None for now.

    Two replicas that page at the same moment may each take the last page.
    """
    budget = policies.alerts.budget
    if budget is None:
        return None
    since = now - budget.shift
    ours = {row.alert.identity for row in rows}
    told = {
        about: at
        for row in journal.alerts(unclosed=False)
        for about, at in _pages_about(row, pages)
        if at > since
    }
    threads = {about for row in rows for about, _at in _pages_about(row, pages)}
    if len(told) < budget.pages or told.keys() & (ours | threads):
        return None
    return sorted(told.values())[-budget.pages] + budget.shift


def held(rows: Iterable[AlertRow]) -> list[AlertRow]:
    """Open alerts that were held from somebody."""
    return [row for row in rows if not row.alert.closed and HELD in row.told.values()]


def _pages_about(row: AlertRow, pages: frozenset[str]) -> Iterator[tuple[str, datetime]]:
    """What those addresses were paged about, and when; the message about pages that were held is none."""
    if row.alert.kind is AlertKind.PAGES_HELD:
        return
    for key in pages & row.receipts.keys():
        receipt = row.receipts[key]
        if receipt.told_at is not None:
            yield receipt.thread or row.alert.identity, receipt.told_at
