"""The table of a mail about several: a digest's whole, of other messages the first rows.

Rows come in the order in which the alert has them: what needs a person first. As text each row is two lines, because
a line that a reader's window folds is no table any more: what and since when, and below it the one thing to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape
from typing import NamedTuple

from rotator.channels import wording
from rotator.model.alerts import Alert, AlertKind

#: So wide are words of levels and moments: "critical", "2026-11-26 09:30".
_LEVEL, _SINCE = 8, 16


class Row(NamedTuple):
    """One of several."""

    level: str
    since: str
    what: str
    doing: str


def rows(alert: Alert) -> Iterator[Row]:
    """All of a digest; of others as many as a person reads, and how many more there are."""
    most = len(alert.members) if alert.kind is AlertKind.DIGEST else wording.MOST_ROWS
    for one in alert.members[:most]:
        doing = f"over: {wording.closing(one)}" if one.closed else wording.action(one)
        since = wording.moment(one.opened_at).removesuffix(" UTC")
        yield Row(wording.level(one), since, wording.headline(one), doing)
    if len(alert.members) > most:
        yield Row("", "", f"+{len(alert.members) - most} more", "rotator status")


def text(alert: Alert) -> str:
    """As plain text; empty where there are no rows."""
    if not alert.members:
        return ""
    beside = " " * (_LEVEL + _SINCE + 4)
    lines = [f"{'HOW LOUD':<{_LEVEL}}  {'SINCE (UTC)':<{_SINCE}}  WHAT, AND WHAT YOU DO"]
    for row in rows(alert):
        lines.append(f"{row.level:<{_LEVEL}}  {row.since:<{_SINCE}}  {row.what}")
        lines += [f"{beside}{row.doing}"] if row.doing else []
    return "\n".join(lines)


def html(alert: Alert, typed: Callable[[str], str]) -> str:
    """As simple HTML; `typed` shows what is to be done."""
    if not alert.members:
        return ""
    heads = ("How loud", "Since (UTC)", "What", "What you do")
    head = "".join(f'<th align="left">{name}</th>' for name in heads)
    cells = "".join(
        f'<tr>{_cell(row.level)}{_cell(row.since)}{_cell(row.what)}<td valign="top">{typed(row.doing)}</td></tr>'
        for row in rows(alert)
    )
    return f'<table cellpadding="4"><tr>{head}</tr>{cells}</table>'


def _cell(said: str) -> str:
    return f'<td valign="top">{escape(said)}</td>'
