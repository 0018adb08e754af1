"""The digest: at its times each owner gets a table of all that is open and theirs, what needs a person first.

Each owner's digest is one row of the outbox, `opened_at` the time it is for: whoever of the replicas writes the later
time first has sent it, restarts included. After times that were missed comes one digest, not one for each. Nothing to
say is no message; after a week of that, one line to the default owner says that all is well.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from rotator.contracts.parts import Parts
from rotator.engine.alerts.finding import identity
from rotator.model.alerts import Alert, AlertKind, AlertRow, Severity
from rotator.model.numbers import counted
from rotator.model.policy import Policies

_ALL_IS_WELL_EVERY = timedelta(days=7)
_NEVER = timedelta(days=365)
#: More rows nobody reads, and the row of the outbox stays small; how many there are is said.
_MOST_MEMBERS = 100
#: What waits for a person, whatever its severity.
_NEEDS_A_PERSON = frozenset(
    {
        AlertKind.PARKED,
        AlertKind.APPROVAL_WANTED,
        AlertKind.BY_HAND,
        AlertKind.STILL_USED,
        AlertKind.STILL_ALIVE,
        AlertKind.DRIFT,
        AlertKind.FOREIGN_OWNER,
        AlertKind.POLICY_REJECTED,
    }
)


class Digests:
    """Posts each owner's digest once its time has come; one in each process, which then looks once for each time."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._kept: tuple[datetime, frozenset[str]] | None = None  # for which time, and for whom

    def keep(self) -> None:
        """Posts what is due and nobody has posted yet."""
        policies = self._parts.policies()
        if policies.alerts.digest is None:
            return
        due = policies.alerts.digest.latest(self._parts.journal.now())
        looked_for = (due, frozenset(policies.owners))
        if looked_for != self._kept:
            _keep_digests(self._parts, policies, due)
            self._kept = looked_for


def _keep_digests(parts: Parts, policies: Policies, due: datetime) -> None:
    rows = parts.journal.alerts()
    before = {row.alert.owner: row for row in rows if row.alert.kind is AlertKind.DIGEST}
    for owner in policies.owners:
        row = before.get(owner)
        if row is None:  # the first look: that time was before it
            parts.journal.post_alert(_digest(owner, due, ()), _NEVER)
        elif row.alert.opened_at < due:
            open_ones = [one.alert for one in rows if _in_digest(one.alert, policies, owner)]
            digest = _digest(owner, due, open_ones)
            if not open_ones and owner == policies.default_owner and _silent_since(row, due):
                digest = _all_is_well(digest, policies)
            parts.journal.post_alert(digest, timedelta() if digest.members or digest.facts else _NEVER)


def needs_a_person(alert: Alert) -> bool:
    """Whether nothing happens until somebody acts."""
    return alert.kind in _NEEDS_A_PERSON or alert.severity is Severity.CRITICAL


def _in_digest(alert: Alert, policies: Policies, owner: str) -> bool:
    """Open and this owner's; the default owner's are also those of nobody who is known."""
    theirs = alert.owner == owner or (owner == policies.default_owner and alert.owner not in policies.owners)
    return theirs and not alert.closed and alert.kind is not AlertKind.DIGEST


def _digest(owner: str, at: datetime, open_ones: Iterable[Alert]) -> Alert:
    order = sorted(
        open_ones, key=lambda one: (not needs_a_person(one), -one.severity, one.opened_at, one.identity)
    )
    waiting = sum(needs_a_person(one) for one in order)
    needs = f"{counted(waiting, 'thing')} {'needs' if waiting == 1 else 'need'} a person, " if waiting else ""
    left_out = len(order) - _MOST_MEMBERS
    return Alert(
        identity=identity(AlertKind.DIGEST, owner),
        kind=AlertKind.DIGEST,
        severity=Severity.INFO,
        owner=owner,
        title=f"digest: {needs}{len(order)} open",
        facts={"Left out": f"{left_out} more: rotator status"} if left_out > 0 else {},
        action="rotator status",
        opened_at=at,
        members=tuple(order[:_MOST_MEMBERS]),
    )


def _silent_since(row: AlertRow, at: datetime) -> bool:
    return row.last_told_at is None or at - row.last_told_at >= _ALL_IS_WELL_EVERY


def _all_is_well(digest: Alert, policies: Policies) -> Alert:
    watched = counted(len(policies.secrets), "secret")
    facts = {
        "Open": f"nothing; {watched} in {counted(len(policies.environments), 'environment')} are watched"
    }
    return digest.model_copy(update={"title": "digest: all is well", "facts": facts, "action": ""})
