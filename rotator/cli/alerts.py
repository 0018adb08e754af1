"""alerts, ack, snooze: what people are being told, and what they answer.

An answer is a request like any other: it is kept with who gave it and why, and the daemon carries it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import typer

from rotator.cli.answers import answers_to
from rotator.cli.codes import Code
from rotator.cli.moments import moment_from
from rotator.cli.names import in_environment
from rotator.cli.opening import NotNow, Unusable, asking, looking
from rotator.cli.requests import ask
from rotator.cli.show import Format, Tint, as_json, as_lines, as_rows, as_table, say
from rotator.engine.ages import spell
from rotator.engine.answers import alerts_named, answered, stale
from rotator.engine.report.times import moment
from rotator.model.alerts import LONGEST_SNOOZE, Alert, AlertRow, AlertState, Severity
from rotator.model.numbers import counted
from rotator.model.requests import Request, RequestKind, RequestState

_COLUMNS = ("id", "severity", "state", "since", "where", "answered")
_CSV_COLUMNS = (
    "id", "state", "severity", "kind", "environment", "secret", "rotation", "owner", "title", "since", "closed_at",
    "answered_by", "answered_at", "until", "because", "identity",
)  # fmt: skip
_TINTS = {AlertState.FIRING.value: Tint.BAD, AlertState.SNOOZED.value: Tint.WAITS}
#: Pages and answers are counted over so long.
_COUNTED = timedelta(days=28)


def list_alerts(env: str | None, *, everything: bool, form: Format) -> None:
    """Prints what is open, the loudest first; with `everything` also what is over."""
    place = looking()
    in_environment(place.policies, {}, env)
    now = place.journal.now()
    rows = [
        row
        for row in place.journal.alerts(unclosed=False)
        if (everything or not row.alert.closed) and env in {None, row.alert.environment}
    ]
    if form is Format.JSON:
        as_json(alerts=[facts_of(row, now) for row in rows])
    elif form is not Format.TABLE:
        as_rows(form, (facts_of(row, now) for row in rows), _CSV_COLUMNS)
    elif rows:
        as_table([_cells(row, now) for row in rows], _COLUMNS, "what", _TINTS)
        say("what to do about one: `rotator status SECRET`; I am on it: rotator ack ID")
    else:
        say("nothing is open")


def count_alerts(*, form: Format) -> None:
    """Prints how often people were paged, and how much of what was told somebody answered."""
    place = looking()
    requests = place.journal.requests(waiting=False)
    counts = _counts(place.journal.alerts(unclosed=False), requests, place.journal.now())
    if form is Format.JSON:
        as_json(stats=counts)
    elif form is not Format.TABLE:
        as_rows(form, [counts], tuple(counts))
    else:
        share, acted_on = counts["acknowledged_share"], counts["acted_on_share"]
        as_lines(
            f"in the last {counts['days']} days: {counted(counts['alerts'], 'alert')}, {counts['open']} open",
            f"critical at any time: {counts['critical']}, that is {counts['pages_a_week']} a week",
            "answered by a person: " + ("none was told" if share is None else f"{share:.0%}"),
            "acted on by a person: " + ("none was told" if acted_on is None else f"{acted_on:.0%}"),
        )


def answer(
    typed: Sequence[str], kind: RequestKind, reason: str, *, within: str = "", until: str = "", json: bool
) -> None:
    """Leaves the same answer to each of these alerts. Raises Unusable and NotNow before anything is kept."""
    desk = asking()
    now = desk.journal.now()
    ends = _end(within, until, now) if kind is RequestKind.SNOOZE else None
    rows = desk.journal.alerts(unclosed=False)
    meant = {row.alert.identity: row for row in (_meant(one, rows) for one in typed)}
    sentences = {identity: stale(row, kind, now) for identity, row in meant.items()}
    for sentence in filter(None, sentences.values()):
        if len(meant) == 1:
            raise NotNow(sentence)
        say(f"refused: {sentence}")
    asked = [
        ask(desk.journal, kind, identity, reason, until=ends)
        for identity, why in sentences.items()
        if not why
    ]
    refused = answers_to(desk, asked, json=json) + len(meant) - len(asked)
    if refused:
        raise typer.Exit(Code.REFUSED if refused == len(meant) else Code.SOME_FAILED)


def facts_of(row: AlertRow, now: datetime) -> dict[str, Any]:
    """For machines: stable keys, RFC 3339 times."""
    alert, hush = row.alert, row.hushed(now)
    return {
        "id": alert.id,
        "state": row.state(now).value,
        "severity": alert.severity.name.lower(),
        "kind": alert.kind.value,
        "environment": alert.environment,
        "secret": alert.secret,
        "rotation": alert.rotation,
        "owner": alert.owner,
        "title": alert.title,
        "facts": alert.facts,
        "action": alert.action,
        "since": alert.opened_at.isoformat(),
        "closed_at": alert.closed_at.isoformat() if alert.closed_at else None,
        "closing": alert.closing,
        "told_at": row.last_told_at.isoformat() if row.last_told_at else None,
        "answered_by": hush.by if hush else None,
        "answered_at": hush.at.isoformat() if hush else None,
        "until": hush.until.isoformat() if hush and hush.until else None,
        "because": hush.because if hush else None,
        "identity": alert.identity,
    }


def _cells(row: AlertRow, now: datetime) -> dict[str, str]:
    alert, hush = row.alert, row.hushed(now)
    return {
        "id": alert.id,
        "severity": alert.severity.name.lower(),
        "state": row.state(now).value,
        "since": f"{moment(alert.opened_at)} ({spell(now - alert.opened_at)})",
        "where": alert.secret or alert.environment,
        "answered": answered(hush).removeprefix(f"{hush.state} ") if hush else "",
        "what": f"{alert.title}; {alert.closing}" if alert.closed else alert.title,
    }


def _counts(rows: Iterable[AlertRow], requests: Sequence[Request], now: datetime) -> dict[str, Any]:
    """Of what people were told; what they were never told is no alert to them."""
    since = now - _COUNTED
    told = [row for row in rows if row.last_told_at is not None and row.alert.opened_at >= since]
    critical = [row for row in told if _was_critical(row)]
    by_people = [row for row in told if row.hush is not None]
    acted_on = [row for row in told if any(_acts_on(row.alert, request) for request in requests)]
    return {
        "days": _COUNTED.days,
        "alerts": len(told),
        "open": len([row for row in told if not row.alert.closed]),
        "critical": len(critical),
        "pages_a_week": round(len(critical) / (_COUNTED.days / 7), 1),
        "acknowledged": len(by_people),
        "acknowledged_share": _share(by_people, told),
        "acted_on": len(acted_on),
        "acted_on_share": _share(acted_on, told),
    }


def _share(some: Sequence[AlertRow], of: Sequence[AlertRow]) -> float | None:
    return round(len(some) / len(of), 3) if of else None


def _was_critical(row: AlertRow) -> bool:
    """Whether anybody was told that it is critical, also where it no longer is: that is what woke them."""
    return (
        row.alert.severity is Severity.CRITICAL
        or any(receipt.critical for receipt in row.receipts.values())
        or (row.hush is not None and row.hush.severity is Severity.CRITICAL)
    )


def _acts_on(alert: Alert, request: Request) -> bool:
    """Whether somebody did something about it while it was open; that they are on it is an answer, and no deed."""
    about = {alert.secret, alert.rotation} - {""}
    in_time = alert.opened_at <= request.at and (alert.closed_at is None or request.at <= alert.closed_at)
    answer = request.kind in {RequestKind.ACKNOWLEDGE, RequestKind.SNOOZE}
    return request.about in about and in_time and not answer and request.state is not RequestState.REFUSED


def _meant(typed: str, rows: Sequence[AlertRow]) -> AlertRow:
    """The one alert that a person means; of several those that are open. Raises Unusable."""
    found = alerts_named(typed, rows)
    found = [row for row in found if not row.alert.closed] or found
    if not found:
        raise Unusable(f"there is no alert {typed}; `rotator alerts` lists what is open")
    if len(found) > 1:
        ids = ", ".join(row.alert.id for row in found)
        raise Unusable(f"{typed} begins the ids of several alerts: say which, {ids}")
    return found[0]


def _end(within: str, until: str, now: datetime) -> datetime:
    """When a snooze ends. Raises Unusable."""
    if bool(within) == bool(until):
        raise Unusable("say how long: --for 4h, or --until 2027-01-31")
    option = f"--for {within}" if within else f"--until {until}"
    ends = moment_from(within or until, now, option)
    if not now < ends <= now + LONGEST_SNOOZE:
        raise Unusable(f"{option}: a snooze ends within {LONGEST_SNOOZE.days} days from now")
    return ends
