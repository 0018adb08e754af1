"""access seen: what nobody expected, with every secret that it is about, and what became of it.

A message names the first ten secrets. Whoever has to make new ones, or to answer an auditor, needs all of them.
"""

from __future__ import annotations

from typing import Any

from rotator.cli.names import environment_named
from rotator.cli.opening import asking
from rotator.cli.show import Format, Tint, as_json, as_rows, as_table, say
from rotator.engine.report.times import moment
from rotator.model.watch import Disposition, Sighting

_COLUMNS = ("severity", "state", "kind", "last", "times", "principal")
_CSV_COLUMNS = (
    "kind", "severity", "disposition", "environment", "principal", "times", "first", "last", "secrets", "firsts",
    "rule", "why", "by", "ended",
)  # fmt: skip


def list_seen(env: str | None, *, everything: bool, form: Format) -> None:
    """Prints what is open, seen last first; with `everything` also what has ended or was kept quiet."""
    desk = asking()
    if env is not None:
        environment_named(env, desk.policies)
    seen = [one for one in desk.journal.sightings(unended=not everything) if env is None or _is_in(one, env)]
    if form is Format.JSON:
        as_json(seen=[_facts_of(one) for one in seen])
    elif form is not Format.TABLE:
        as_rows(form, (_facts_of(one) for one in seen), _CSV_COLUMNS)
    elif seen:
        tints = {Disposition.OPEN.value: Tint.BAD}
        as_table([_cells(one) for one in seen], _COLUMNS, "secrets", tints)
        say("what somebody knows who should not: rotator compromised SECRET… --reason …")
    else:
        say("nothing is open" if not everything else "nothing was seen that nobody expected")


def _is_in(one: Sighting, env: str) -> bool:
    """What several environments are concerned in is in each of them; what names no secret may be."""
    return one.environment in {"", env} and (
        not one.secrets or any(secret.startswith(f"{env}/") for secret in one.secrets)
    )


def _facts_of(one: Sighting) -> dict[str, Any]:
    """For machines: stable keys, RFC 3339 times."""
    return {
        "kind": one.kind.value,
        "severity": one.severity.name.lower(),
        "disposition": one.disposition.value,
        "environment": one.environment,
        "principal": one.principal,
        "times": one.times,
        "first": one.first_at.isoformat(),
        "last": one.last_at.isoformat(),
        "secrets": list(one.secrets),
        "firsts": list(one.firsts),
        "rule": one.rule,
        "why": one.why,
        "by": one.by,
        "ended": one.ended_at.isoformat() if one.ended_at else None,
    }


def _cells(one: Sighting) -> dict[str, str]:
    return {
        "severity": one.severity.name.lower(),
        "state": one.disposition.value,
        "kind": one.kind.value,
        "last": moment(one.last_at),
        "times": str(one.times),
        "principal": one.principal,
        "secrets": " ".join(one.secrets) or "the record names none",
    }
