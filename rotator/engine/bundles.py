"""Bundles: what becomes so, or ends, at one moment and for one reader is one message, not twenty-two.

Alerts of one kind, environment and owner are company. Told in one message, they share its conversation from then on,
and each keeps its identity and its life: what happens to some of them later is told there, again in one message.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime

from rotator.engine.alerts.finding import identity, kin
from rotator.model.alerts import Alert, AlertKind, AlertRow

#: These are told alone: they are tables of others already, or about one address.
_ALONE = frozenset({AlertKind.DIGEST, AlertKind.PAGES_HELD, AlertKind.DELIVERY_FAILED})


def company(outbox: Sequence[AlertRow], of: Alert) -> Iterator[AlertRow]:
    """Those that may be in one message with that one, as the outbox was before it was claimed.

    Whoever held it and vanished may have told it with others: it is told again with those, and with no one else.
    """
    held_by = next((row.owner for row in outbox if row.alert.identity == of.identity), None)
    if of.kind not in _ALONE:
        yield from (
            row
            for row in outbox
            if kin(row.alert) == kin(of) and row.owner == held_by and row.alert.identity != of.identity
        )


def as_one(members: Sequence[Alert], beside: Sequence[Alert]) -> Alert:
    """One message about all `members`, in a conversation in which `beside` are open too.

    The same members that say the same have the same identity: told again because nobody knows whether they were told,
    the message is the same one to every channel that knows its messages again.
    """
    first = members[0]
    still_open = [*(one for one in members if not one.closed), *beside]
    ends = [one.closed_at for one in members if one.closed_at is not None]
    return first.model_copy(
        update={
            "identity": identity(first.kind, first.environment, first.owner, _mark(members)),
            "severity": max(one.severity for one in still_open or members),
            "secret": _shared([one.secret for one in members]),
            "rotation": _shared([one.rotation for one in members]),
            "title": _title(still_open or members),
            "facts": _facts(members),
            "action": _shared([one.action for one in members]) or "rotator status",
            "opened_at": min(one.opened_at for one in members),
            "closed_at": None if still_open else max(ends),
            "closing": _shared([one.closing for one in members]) or f"all {len(members)} are over",
            "members": tuple(members),
            "beside": tuple(beside),
        }
    )


def _mark(members: Sequence[Alert]) -> str:
    said = sorted(
        f"{one.identity} {_moment(one.opened_at)} {_moment(one.closed_at)} {one.severity}" for one in members
    )
    return hashlib.sha256("\n".join(said).encode()).hexdigest()[:16]


def _moment(at: datetime | None) -> str:
    return at.isoformat() if at else ""


def _title(alerts: Sequence[Alert]) -> str:
    """How many, where and what: the words that all have in common."""
    if len(alerts) == 1:
        return alerts[0].title
    first, said = alerts[0], [one.title.rpartition(": ")[2] for one in alerts]
    what = _shared(said) or first.kind.replace("_", " ")
    things = "secrets" if all(one.secret for one in alerts) else "alerts"
    where = f" ({first.environment})" if first.environment else ""
    return f"{len(alerts)} {things}{where}: {what}"


def _facts(alerts: Sequence[Alert]) -> dict[str, str]:
    """What is the same for all; what is not is in their rows."""
    return {
        name: said
        for name, said in alerts[0].facts.items()
        if all(one.facts.get(name) == said for one in alerts)
    }


def _shared(said: Sequence[str]) -> str:
    return said[0] if len(set(said)) == 1 else ""
