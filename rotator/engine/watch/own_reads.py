"""Rotator's own reads, as a test of the trail from end to end: each environment's owner parameter, every minute.

A trail that is switched off, a rule in the wrong state, a queue that nothing fills: all of them look like a quiet day.
What rotator itself has read must be told within half an hour, or nobody knows what else is not told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from rotator.contracts.parts import Parts
from rotator.engine.outages import unreachable
from rotator.model.access import Access, Outcome
from rotator.model.caller import is_by
from rotator.model.policy import Policies
from rotator.model.references import IN_SSM, owner_parameter
from rotator.model.watch import Watch

#: CloudTrail delivers within about five minutes on average, and promises nothing.
TOLD_WITHIN = timedelta(minutes=30)


def own_reads(
    policies: Policies, accesses: Iterable[Access], known: Mapping[str, datetime], installation: str
) -> dict[str, datetime]:
    """The newest read of each environment's owner parameter by this installation that a record told of."""
    of = {owner_parameter(one.path): name for name, one in policies.environments.items()}
    newest = {name: at for name, at in known.items() if name in policies.environments}
    for access in accesses:
        ours = access.outcome is Outcome.DONE and is_by(access.user_agent, installation)
        for asked in access.asked if ours else ():
            if name := of.get(asked.parameter):
                newest[name] = max(access.at, newest.get(name, access.at))
    return newest


def says_who_it_is(accesses: Iterable[Access], known: datetime | None, installation: str) -> datetime | None:
    """Since when calls bear this installation's id, as far as records told; a version that says none came before."""
    said = (one.at for one in accesses if is_by(one.user_agent, installation))
    return min(filter(None, (known, *said)), default=None)


def expectations(parts: Parts, known: Mapping[str, datetime], now: datetime) -> dict[str, datetime]:
    """From when on rotator reads each environment without a gap; an environment whose store is away is left out."""
    surveyed = parts.journal.surveyed()
    return {
        name: known.get(name, now)
        for name, environment in parts.policies().environments.items()
        if environment.store == IN_SSM and name in surveyed and not unreachable(surveyed[name])
    }


def unseen(watch: Watch, now: datetime) -> dict[str, datetime]:
    """Environment -> since when rotator's own reads of it should have been told, and were not."""
    last = {name: max(since, watch.own.get(name, since)) for name, since in watch.expected.items()}
    return {name: at for name, at in last.items() if now - at > TOLD_WITHIN}
