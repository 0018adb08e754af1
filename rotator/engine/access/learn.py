"""Learning mode: the allow rules under which the same reads would have been expected, no wider than what was read.

What no rule may allow stays a finding: a history, an old version, what was denied, what somebody wrote, and many reads
by people whose rule is told quietly.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from rotator.contracts.redeployer import Start
from rotator.engine.access.starts import SLACK, Starts
from rotator.model.access import AccessFinding, AccessKind, Principal
from rotator.model.policy import During, Policies, Reader
from rotator.model.watch import Sighting

_ALLOWABLE = frozenset({AccessKind.UNKNOWN_ACTOR, AccessKind.ACCESS_OUTSIDE_DEPLOYMENT})
#: What a glob takes for more than itself.
_LITERAL = re.compile(r"[*?[]")


@dataclass(frozen=True, slots=True)
class Proposal:
    """One rule for `access.allow`, and the reads that it is made of."""

    name: str
    role: str  # an ARN; empty for what is no role
    principal: str  # instead
    during: During
    environments: tuple[str, ...]
    secrets: tuple[str, ...]  # names; empty: all that the environments have
    reads: int  # in the environment with the most
    first: datetime
    last: datetime


class Reads(NamedTuple):
    """What one principal read in one environment, and no rule expected."""

    principal: Principal
    environment: str
    secrets: frozenset[str]  # environment/NAME
    near_starts: bool  # each of them was near a start of the principal's role
    number: int
    first: datetime
    last: datetime


def reads_of(
    policies: Policies, findings: Iterable[AccessFinding], starts: Iterable[Start]
) -> Iterator[Reads]:
    """Those that a rule could expect, of what was found in records."""
    known = Starts()
    for start in starts:
        known.add(start)
    by_place: dict[tuple[str, str], list[AccessFinding]] = {}
    for finding in findings:
        if finding.kind in _ALLOWABLE:
            for environment in _environments(policies, finding.secrets):
                by_place.setdefault((finding.principal.name, environment), []).append(finding)
    for (_name_of, environment), reads in by_place.items():
        moments = [one.at for one in reads]
        yield Reads(
            principal=reads[0].principal,
            environment=environment,
            secrets=_of(policies, environment, (secret for one in reads for secret in one.secrets)),
            near_starts=all(known.near(environment, one.principal.role, one.at, SLACK) for one in reads),
            number=len({one.event_id for one in reads}),
            first=min(moments),
            last=max(moments),
        )


def reads_seen(policies: Policies, sightings: Iterable[Sighting]) -> Iterator[Reads]:
    """Those that a rule could expect, of what the watch has seen: a sighting a day."""
    by_place: dict[tuple[str, str], list[Sighting]] = {}
    for one in sightings:
        if one.kind in _ALLOWABLE and one.samples:
            for environment in _environments(policies, one.secrets):
                by_place.setdefault((one.principal, environment), []).append(one)
    for (_name_of, environment), seen in by_place.items():
        yield Reads(
            principal=seen[0].samples[0].principal,
            environment=environment,
            secrets=_of(policies, environment, (secret for one in seen for secret in one.secrets)),
            near_starts=all(one.near_starts for one in seen),
            number=sum(one.times for one in seen),
            first=min(one.first_at for one in seen),
            last=max(one.last_at for one in seen),
        )


def proposals(policies: Policies, reads: Iterable[Reads]) -> tuple[Proposal, ...]:
    """The rules, to stand before those that are there: of rules, the first that fits holds."""
    alike: dict[tuple[str, During, tuple[str, ...]], list[Reads]] = {}
    for one in reads:
        during = During.DEPLOYMENT if one.near_starts else During.ALWAYS
        names = _names(policies, one)
        alike.setdefault((one.principal.name, during, names), []).append(one)
    taken = {reader.name for reader in policies.access.readers}
    return tuple(_proposal(during, names, of, taken) for (_who, during, names), of in alike.items())


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


def _proposal(during: During, names: tuple[str, ...], of: list[Reads], taken: set[str]) -> Proposal:
    principal = of[0].principal
    return Proposal(
        name=_name(principal.role or principal.name.rpartition("/")[2], taken),
        role=principal.name if principal.role else "",
        principal="" if principal.role else _LITERAL.sub(r"[\g<0>]", principal.name),
        during=during,
        environments=tuple(one.environment for one in of),
        secrets=names,
        reads=max(one.number for one in of),
        first=min(one.first for one in of),
        last=max(one.last for one in of),
    )


def _name(wanted: str, taken: set[str]) -> str:
    """A name that no other rule has."""
    name, number = wanted, 2
    while name in taken:
        name, number = f"{wanted} {number}", number + 1
    taken.add(name)
    return name


def _names(policies: Policies, reads: Reads) -> tuple[str, ...]:
    """The names of what was read; none where it was everything."""
    there = {one.name for one in policies.secrets.values() if one.environment == reads.environment}
    read = {policies.secrets[secret].name for secret in reads.secrets}
    return () if read == there else tuple(sorted(read))


def _of(policies: Policies, environment: str, secrets: Iterable[str]) -> frozenset[str]:
    """Those of them that the policy has, in this environment."""
    known = policies.secrets
    return frozenset(one for one in secrets if one in known and known[one].environment == environment)


def _environments(policies: Policies, secrets: Iterable[str]) -> list[str]:
    known = policies.secrets
    return sorted({known[one].environment for one in secrets if one in known})
