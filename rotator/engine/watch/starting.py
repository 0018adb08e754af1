"""What started: each workload's platform is asked every minute, and starts are kept as long as records may wait.

A platform shows what lives now; what began and ended between two looks is lost with the looks. So for each workload it
is kept from when on, and up to when, its starts are known: what is not known, or no longer, excuses nobody, and accuses
nobody aloud.

Which role a workload reads with: what the policy says (`deployments.X.role`); else what the platform tells; else every
role of the environment's rules that say `during: deployment`, as far as they name one and not a glob.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog

from rotator.contracts.parts import Parts
from rotator.contracts.redeployer import Start
from rotator.model.errors import NotYet, Refused, Transient
from rotator.model.policy import Deployment, During, Policies
from rotator.model.watch import Watch

log = structlog.get_logger()

_EVERY = timedelta(minutes=1)
#: Before the last look, because a platform may show a start a little late.
_OVERLAP = timedelta(minutes=5)
#: At the first look. What has ended since is not shown, so this is no claim.
_PAST = timedelta(days=1)
#: A queue of our template keeps messages for four days, and the read that one tells of came a while after its start.
STARTS_KEPT = timedelta(days=5)
#: A look that is later than this may have missed what came and went.
_GAP = timedelta(minutes=15)
_GLOB = re.compile(r"[*?\[]")


class Noting(Protocol):
    """The turn, as far as it is needed here."""

    watch: Watch

    def note(self, **changes: Any) -> None:
        """Writes down how far it is."""

    def keep(self) -> None:
        """It goes on."""


def ask_starts(parts: Parts, turn: Noting) -> None:
    """Asks those platforms whose turn it is. One that does not answer is asked again at the next turn."""
    policies = parts.policies()
    deployments = watched_deployments(policies)
    asked = {name: at for name, at in turn.watch.starts_asked.items() if name in deployments}
    since = {name: at for name, at in turn.watch.starts_since.items() if name in deployments}
    for name, deployment in deployments.items():
        now, before = parts.journal.now(), asked.get(name)
        if before is not None and now - before < _EVERY:
            continue
        turn.keep()
        try:
            starts = list(parts.redeployer(deployment).starts(before - _OVERLAP if before else now - _PAST))
        except (Transient, Refused, NotYet) as trouble:
            log.warning("starts are not known", workload=name, trouble=str(trouble))
            continue
        parts.journal.note_starts(one for start in starts for one in with_roles(policies, start))
        asked[name] = now
        if before is None or now - before > _GAP:
            since[name] = now
    turn.note(starts_asked=asked, starts_since=since)


def watched_deployments(policies: Policies) -> dict[str, Deployment]:
    """Workloads of environments in which a rule lets somebody read near a start, by id."""
    environments = {one.environment for one in policies.access.readers if one.during is During.DEPLOYMENT}
    return {
        deployment.id: deployment
        for secret in policies.secrets.values()
        if secret.environment in environments
        for deployment in secret.recipe.deployments
    }


def with_roles(policies: Policies, start: Start) -> Iterator[Start]:
    """The start with every role that its workload may read with."""
    access = policies.access
    if role := access.roles.get(start.workload, start.role):
        yield Start(start.workload, role, start.at)
        return
    for reader in access.readers:
        of = reader.environment == start.workload.partition("/")[0]
        if of and reader.during is During.DEPLOYMENT and reader.role and not _GLOB.search(reader.role):
            yield Start(start.workload, reader.role, start.at)


def known_up_to(policies: Policies, watch: Watch, environment: str) -> datetime | None:
    """Up to when the starts of an environment's workloads are known; None where one was never asked."""
    names = [name for name in watched_deployments(policies) if name.startswith(f"{environment}/")]
    moments = [watch.starts_asked.get(name) for name in names]
    return min((one for one in moments if one is not None), default=None) if None not in moments else None


def known_from(watch: Watch, environment: str, now: datetime) -> datetime:
    """From when on they are known without a gap: what is kept no longer is not known."""
    moments = (at for name, at in watch.starts_since.items() if name.startswith(f"{environment}/"))
    return max((now - STARTS_KEPT, *moments))
