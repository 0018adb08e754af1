"""Alerts about who read what: one for what a principal did of one kind on one day.

They end when a person has looked, or when policies.yaml allows it; a read that has happened is not undone by time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from rotator.contracts.parts import Parts
from rotator.engine.ages import spell
from rotator.engine.alerts.about_installation import Installation
from rotator.engine.alerts.about_learning import LEARNED
from rotator.engine.alerts.finding import Finding, identity, listed
from rotator.engine.alerts.impact import NOTHING
from rotator.model.access import AccessKind
from rotator.model.alerts import Alert, AlertKind, AlertRow, AlertState, Hush, Severity
from rotator.model.numbers import counted
from rotator.model.policy import OnUnexpectedRead, Policies
from rotator.model.watch import Disposition, Sighting

#: More principals than this, of one kind in one environment, are told in one message.
_TOLD_ONE_BY_ONE = 10


class _Words(NamedTuple):
    """What one kind is called, what it means, and what is to be done."""

    kind: AlertKind
    title: str
    impact: str
    action: str


_ALLOW = "if it is expected, add a rule to access.allow in policies.yaml; else find out who it was"
_KINDS = {
    AccessKind.UNKNOWN_ACTOR: _Words(
        AlertKind.UNKNOWN_ACTOR, "read by somebody whom no rule allows", "they know the values by now", _ALLOW
    ),
    AccessKind.ACCESS_OUTSIDE_DEPLOYMENT: _Words(
        AlertKind.ACCESS_OUTSIDE_DEPLOYMENT,
        "read while nothing was deployed",
        "whoever used the role knows the values by now",
        _ALLOW,
    ),
    AccessKind.HISTORY_READ: _Words(
        AlertKind.HISTORY_READ,
        "every value that it ever had was read",
        "they know the values by now, also one that still works in grace",
        "find out who it was; nobody needs GetParameterHistory with values",
    ),
    AccessKind.OLD_VERSION_READ: _Words(
        AlertKind.OLD_VERSION_READ,
        "a value that is not the current one was read",
        "a consumer that keeps to a version is locked out when that one is invalidated",
        "find out who asks for a version, and let it ask for the current one",
    ),
    AccessKind.BULK_READ: _Words(
        AlertKind.BULK_READ,
        "many secrets were read in a short time",
        "they know all of these values by now",
        _ALLOW,
    ),
    AccessKind.DENIED_READ: _Words(
        AlertKind.DENIED_READS,
        "reads were denied",
        "none: nothing was given",
        "a consumer that lacks a permission needs it; anything else is somebody who tries",
    ),
    AccessKind.DRIFT: _Words(
        AlertKind.DRIFT,
        "written by somebody who is not rotator",
        "rotator does not know whether these values work",
        "ask them; if it was not meant: rotator rotate SECRET",
    ),
}


def end_acknowledged(parts: Parts, rows: Mapping[str, AlertRow], now: datetime) -> None:
    """A read that has happened is over once a person has looked: there is nothing else to wait for."""
    looked = {row.alert.identity: hush for row in rows.values() if (hush := _acknowledged(row, now))}
    if not looked:
        return
    for one in parts.journal.sightings():
        hush = looked.get(_identity(one)) or looked.get(_crowd(one.environment, one.kind))
        if hush is not None:
            parts.journal.end_sightings([one.identity], Disposition.ACKNOWLEDGED, hush.by)
    hush, row = looked.get(LEARNED), rows.get(LEARNED)
    # Whoever acknowledged that it learns has not seen what it has learned.
    if hush is not None and row is not None and row.alert.severity > Severity.INFO:
        of = [one.identity for one in parts.journal.learned_sightings()]
        parts.journal.end_sightings(of, Disposition.ACKNOWLEDGED, hush.by)


def _acknowledged(row: AlertRow, now: datetime) -> Hush | None:
    hush = row.hushed(now)
    return hush if hush is not None and hush.state is AlertState.ACKNOWLEDGED else None


def _identity(one: Sighting) -> str:
    return identity(_KINDS[one.kind].kind, one.identity.partition("/")[2])


def _crowd(environment: str, kind: AccessKind) -> str:
    return identity(_KINDS[kind].kind, environment, "many")


def about_sightings(
    here: Installation, sightings: Sequence[Sighting], rows: Mapping[str, AlertRow]
) -> Iterator[Finding]:
    """What was seen and nobody has looked at. A write that its secret's own alert tells already stays quiet."""
    drifted = {row.alert.secret for row in rows.values() if _tells_drift(row)}
    crowds: dict[tuple[str, AccessKind], list[Sighting]] = {}
    for one in sightings:
        crowds.setdefault((one.environment, one.kind), []).append(one)
    for (environment, kind), crowd in sorted(crowds.items()):
        if len(crowd) > _TOLD_ONE_BY_ONE:
            yield _of_many(here, environment, kind, crowd)
            continue
        for one in crowd:
            quiet = kind is AccessKind.DRIFT and bool(one.secrets) and drifted.issuperset(one.secrets)
            yield Finding(_alert(here, one), quiet=quiet)


def _tells_drift(row: AlertRow) -> bool:
    return row.alert.kind is AlertKind.DRIFT and bool(row.alert.secret) and not row.alert.closed


def _alert(here: Installation, one: Sighting) -> Alert:
    words = _KINDS[one.kind]
    where = f" ({one.environment})" if one.environment else ""
    names = tuple(secret.partition("/")[2] if one.environment else secret for secret in one.secrets)
    facts = {
        "Who": one.principal,
        "Secrets": _named(names) or "the record names none",
        "When": _when(one.first_at, one.last_at, one.times),
        "Why": one.why,
        **_firsts(one),
        "Impact": words.impact,
        **_following(here.policies, one.secrets, one.kind, one.severity),
    }
    action = words.action
    if _policy_says(here.policies, one.secrets, OnUnexpectedRead.ASK) and _is_read(one.kind):
        action = f"rotate it? rotator rotate {one.secrets[0]} --reason …; {action}"
    return Alert(
        identity=_identity(one),
        kind=words.kind,
        severity=one.severity,
        environment=one.environment,
        owner=_owner(here.policies, one.secrets),
        title=f"{_subject(names)}{where}: {words.title}",
        facts=facts,
        action=action,
        opened_at=here.now,
    )


def _named(names: tuple[str, ...]) -> str:
    """The first of them, and what tells all: each may have to be made new."""
    shown = listed(names)
    return f"{shown}: rotator access seen" if shown != ", ".join(names) else shown


def _firsts(one: Sighting) -> Mapping[str, str]:
    """Of what it has not read before: a note, where that is known long enough."""
    if not one.firsts or one.first_since is None:
        return {}
    of = (
        "" if len(one.secrets) == 1 else f" of {listed(tuple(name.partition('/')[2] for name in one.firsts))}"
    )
    return {"New": f"their first read{of} in {spell(one.first_at - one.first_since)} at least"}


def _of_many(here: Installation, environment: str, kind: AccessKind, crowd: Sequence[Sighting]) -> Finding:
    """A flood of principals is one message."""
    words = _KINDS[kind]
    names = tuple(sorted({secret for one in crowd for secret in one.secrets}))
    facts = {
        "Who": listed(tuple(sorted({one.principal for one in crowd}))),
        "Secrets": _named(names) or "the records name none",
        "When": _when(
            min(one.first_at for one in crowd),
            max(one.last_at for one in crowd),
            sum(one.times for one in crowd),
        ),
        "Impact": words.impact,
        **_following(here.policies, names, kind, max(one.severity for one in crowd)),
    }
    where = f" ({environment})" if environment else ""
    return here.finding(
        words.kind,
        max(one.severity for one in crowd),
        f"{counted(len(crowd), 'sighting')}{where}: {words.title}",
        facts,
        words.action,
        environment=environment,
        about="many",
    )


def _subject(names: Sequence[str]) -> str:
    return (
        "Secrets" if not names else names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
    )


def _when(first: datetime, last: datetime, times: int) -> str:
    span = f"{first:%Y-%m-%d %H:%M} UTC"
    if times > 1:
        span = f"{counted(times, 'call')}, {span} to {last:%Y-%m-%d %H:%M} UTC ({spell(last - first)})"
    return span


def _following(
    policies: Policies, secrets: Collection[str], kind: AccessKind, severity: Severity
) -> Mapping[str, str]:
    """What was done about it, and what comes by itself. What is uncertain makes nothing due."""
    rotates = _is_read(kind) and severity > Severity.INFO
    done, following = NOTHING, "nothing by itself, until a person has looked or policies.yaml allows it"
    if rotates and _policy_says(policies, secrets, OnUnexpectedRead.ROTATE):
        done = "a rotation was asked for, as on_unexpected_read says"
        following = "it begins as soon as nothing holds it; this stays until a person has looked"
    if kind is AccessKind.DENIED_READ:
        following = "nothing by itself; over after a week without another one"
    return {"Done": done, "Next": following}


def _is_read(kind: AccessKind) -> bool:
    return kind not in {AccessKind.DENIED_READ, AccessKind.DRIFT}


def _policy_says(policies: Policies, secrets: Iterable[str], what: OnUnexpectedRead) -> bool:
    return any(policies.secrets[one].on_unexpected_read is what for one in secrets if one in policies.secrets)


def _owner(policies: Policies, secrets: Iterable[str]) -> str:
    """Whose secrets they are, if they are one owner's."""
    owners = {policies.secrets[one].owner for one in secrets if one in policies.secrets}
    return (owners.pop() if len(owners) == 1 else "") or policies.default_owner
