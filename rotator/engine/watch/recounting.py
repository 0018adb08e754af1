"""Many reads, counted anew when late records come between others that were judged before.

What makes them too many is then often a read that was judged, and found nothing, long ago. It is told by the late
record that made it so, which is marked judged in the same write: so it is told once, like everything else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

from rotator.contracts.journal import Journal
from rotator.engine.access.judge import Judge
from rotator.model.access import Access, AccessFinding, AccessKind
from rotator.model.policy import AccessPolicy
from rotator.model.watch import Sighting

#: Looked at for what a principal has read in all, before what is judged now and after it.
MOST = 2000


@dataclass(frozen=True)
class Before:
    """What was found before the late ones came."""

    findings: frozenset[tuple[str, tuple[str, ...]]]  # (event id, secrets)
    sightings: frozenset[str]  # identities

    def has(self, finding: AccessFinding) -> bool:
        """Whether just this was found."""
        return (finding.event_id, finding.secrets) in self.findings

    def counted(self, sighting: Sighting) -> Sighting:
        """One that was told before is the same sweep, seen better: it counts once."""
        return sighting.model_copy(update={"times": 0}) if sighting.identity in self.sightings else sighting


@dataclass(frozen=True)
class Around:
    """What principals of one piece of records did just before and, where some of these are late, just after it."""

    held: AbstractSet[str]  # event ids
    others: Sequence[Access]  # that are not judged now
    is_late: bool

    def is_news(self, finding: AccessFinding, known: Before) -> bool:
        """Whether a read that was judged before is one too many only now."""
        return self.is_late and finding.kind is AccessKind.BULK_READ and not known.has(finding)

    def told_by(self, access: Access, ready: Mapping[str, Access]) -> str | None:
        """Which of these, by event id, tells what was found in a call: itself, or the last before it; None: not yet."""
        if access.event_id in self.held:
            return access.event_id if access.event_id in ready else None
        mine = [one for one in ready.values() if one.principal.name == access.principal.name]
        late = max((one for one in mine if _place(one) < _place(access)), key=_place, default=None)
        return late.event_id if late is not None else None


def around(
    journal: Journal, held: Sequence[Access], policy: AccessPolicy, judged_all: datetime | None
) -> Around:
    """`judged_all`: when all that was due had been judged the last time; what was due by then and was not is late."""
    within = policy.bulk_within
    who = {str(access.principal) for access in held}
    first, last = min(access.at for access in held), max(access.at for access in held)
    is_late = judged_all is not None and first + policy.hold < judged_all
    others = list(journal.recent_accesses(who, first - within, last, MOST))
    if is_late:
        others.extend(journal.later_accesses(who, last, last + within, MOST))
    ids = {access.event_id for access in held}
    return Around(ids, [one for one in others if one.event_id not in ids], is_late)


def found_before(journal: Journal, judge: Judge, near: Around) -> Before:
    """Asks the journal only where something can have been found before."""
    others = sorted(near.others, key=_place)
    by_id = {one.event_id: one for one in others}
    found = list(judge.sweeps(others)) if near.is_late else []
    kept = {one.identity for one in journal.sightings(unended=False)} if found else set()
    told = {Sighting.of(one, by_id[one.event_id]).identity for one in found}
    return Before(frozenset((one.event_id, one.secrets) for one in found), frozenset(told & kept))


def _place(access: Access) -> tuple[datetime, str]:
    """In the order in which calls are judged."""
    return access.at, access.event_id
