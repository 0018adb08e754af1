"""Learning mode: the allow rules under which the same reads would have been expected, no wider than what was read.

What no rule may allow stays a finding: a history, an old version, what was denied, what somebody wrote, and many reads
by people whose rule is told quietly.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from rotator.contracts.redeployer import Start
from rotator.engine.access.starts import Starts
from rotator.model.access import AccessFinding, AccessKind
from rotator.model.policy import During, Policies, Reader

_ALLOWABLE = frozenset({AccessKind.UNKNOWN_ACTOR, AccessKind.ACCESS_OUTSIDE_DEPLOYMENT})
#: What a glob takes for more than itself.
_LITERAL = re.compile(r"[*?[]")
_SLACK = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Proposal:
    """One rule for `access.allow`, and the reads that it is made of."""

    name: str
    role: str  # an ARN; empty for what is no role
    principal: str  # instead
    during: During
    environments: tuple[str, ...]
    secrets: tuple[str, ...]  # names; empty: all that the environments have
    reads: int
    first: datetime
    last: datetime


def proposals(
    policies: Policies, findings: Iterable[AccessFinding], starts: Iterable[Start]
) -> tuple[Proposal, ...]:
    """The rules, to stand before those that are there: of rules, the first that fits holds."""
    known = Starts()
    for start in starts:
        known.add(start)
    by_place: dict[tuple[str, str], list[AccessFinding]] = {}
    for finding in findings:
        if finding.kind in _ALLOWABLE:
            for environment in sorted({_environment(policies, secret) for secret in finding.secrets}):
                by_place.setdefault((finding.principal.name, environment), []).append(finding)
    alike: dict[tuple[str, During, tuple[str, ...]], dict[str, list[AccessFinding]]] = {}
    for (principal, environment), reads in by_place.items():
        key = (principal, _during(known, environment, reads), _names(policies, environment, reads))
        alike.setdefault(key, {})[environment] = reads
    taken = {reader.name for reader in policies.access.readers}
    return tuple(_proposal(during, names, reads, taken) for (_who, during, names), reads in alike.items())


def allowing(policies: Policies, proposed: Iterable[Proposal]) -> Policies:
    """The policies with these rules before those that are there, as if they had been pasted."""
    readers = [
        Reader(
            name=one.name,
            environment=environment,
            role=one.role,
            principal=one.principal,
            during=one.during,
            secrets=one.secrets,
        )
        for one in proposed
        for environment in one.environments
    ]
    access = policies.access.model_copy(update={"readers": (*readers, *policies.access.readers)})
    return policies.model_copy(update={"access": access})


def _proposal(
    during: During, names: tuple[str, ...], by_environment: dict[str, list[AccessFinding]], taken: set[str]
) -> Proposal:
    reads = {finding.event_id: finding for found in by_environment.values() for finding in found}
    principal = next(iter(reads.values())).principal
    moments = [finding.at for finding in reads.values()]
    return Proposal(
        name=_name(principal.role or principal.name.rpartition("/")[2], taken),
        role=principal.name if principal.role else "",
        principal="" if principal.role else _LITERAL.sub(r"[\g<0>]", principal.name),
        during=during,
        environments=tuple(by_environment),
        secrets=names,
        reads=len(reads),
        first=min(moments),
        last=max(moments),
    )


def _name(wanted: str, taken: set[str]) -> str:
    """A name that no other rule has."""
    name, number = wanted, 2
    while name in taken:
        name, number = f"{wanted} {number}", number + 1
    taken.add(name)
    return name


def _during(known: Starts, environment: str, reads: Iterable[AccessFinding]) -> During:
    """Near starts only, where every read was near one."""
    near = all(known.near(environment, one.principal.role, one.at, _SLACK) for one in reads)
    return During.DEPLOYMENT if near else During.ALWAYS


def _names(policies: Policies, environment: str, reads: Iterable[AccessFinding]) -> tuple[str, ...]:
    there = {one.name for one in policies.secrets.values() if one.environment == environment}
    read = {
        policies.secrets[secret].name
        for finding in reads
        for secret in finding.secrets
        if _environment(policies, secret) == environment
    }
    return () if read == there else tuple(sorted(read))


def _environment(policies: Policies, secret: str) -> str:
    return policies.secrets[secret].environment
