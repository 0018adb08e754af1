"""The reckoning of one secret: what was harmful, and what is left over, judged from outside.

Looked at are the store's own history, the source's own log, what instances held and when, and the journal's rows.
Harmful is

- **ended without leave**: a credential was taken out of its source (or out of the accepted set) by nobody's right:
  no rotation that replaces it had confirmed its consumers by then, and none that made it was on its way back;
- **ended in use**: at that moment the store named it, or an instance held it;
- **of no rotation**: the store held a value that no row knows: made twice, and both went out; or the accepted set held
  more members than rotations made;
- **came back**: the store held, or the accepted set accepted, what had been replaced for good before;
- **dead in the store**: at rest the source refuses what the store names.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rotator.model.rotation import Phase, Rotation
from tests.chaos.history import Version
from tests.company.consumers import Instance
from tests.company.secret import UsedSecret


@dataclass(frozen=True)
class Record:
    """Everything about one secret, in seconds since the epoch.

    `invalidated`: (credential id, moment), by the source's log. `turned_back`: rotation id -> when its undo began.
    """

    secret: UsedSecret
    values: Sequence[Version]
    accepted: Sequence[Version] = ()
    rotations: Sequence[Rotation] = ()
    turned_back: Mapping[str, float] = field(default_factory=dict)
    invalidated: Sequence[tuple[str, float]] = ()
    instances: Sequence[Instance] = ()

    def value_at(self, version: int | None) -> str | None:
        """What the store held at a version."""
        return next((one.value for one in self.values if one.number == version), None)

    def predecessor(self, rotation: Rotation) -> str | None:
        """The value that a rotation replaces."""
        return self.value_at(rotation.ledger.before.get(self.secret.parameter))

    def successor(self, rotation: Rotation) -> str | None:
        """The value that a rotation wrote; None before it did. A write without an answer is known by what undid it."""
        ledger, name = rotation.ledger, self.secret.parameter
        undone = ledger.restored.get(name)
        return self.value_at(ledger.wrote.get(name, undone - 1 if undone else None))


def harm(record: Record) -> list[str]:
    """A line for everything harmful, but for what is dead in the store, which only the source can tell."""
    found = [*_ended_wrongly(record), *_strange_values(record), *_strange_members(record)]
    return [f"{record.secret.id}: {one}" for one in dict.fromkeys(found)]


def _ended_wrongly(record: Record) -> Iterator[str]:
    values = _values(record)
    for credential, at in [*record.invalidated, *_forgotten(record)]:
        value = values.get(credential)
        if not any(_had_leave(record, rotation, credential, at) for rotation in record.rotations):
            yield f"{credential} ended without leave"
        if value is not None and (_named(record, at) == value or _holders(record, value, at)):
            yield f"{credential} ended in use"


def _values(record: Record) -> dict[str, str]:
    """Credential id -> value, for those that were ever in the store."""
    known = {}
    for rotation in record.rotations:
        ends = (
            (rotation.ledger.predecessor_id, record.predecessor(rotation)),
            (rotation.ledger.successor_id, record.successor(rotation)),
        )
        known.update({credential: value for credential, value in ends if credential and value})
    return known


def _forgotten(record: Record) -> Iterator[tuple[str, float]]:
    """(credential id, moment) of every member that left the accepted set, and that the store had held."""
    credentials = {value: credential for credential, value in _values(record).items()}
    for before, after in zip(record.accepted, record.accepted[1:], strict=False):
        for member in _members(before) - _members(after):
            if member in credentials:
                yield credentials[member], after.at


def _had_leave(record: Record, rotation: Rotation, credential: str, at: float) -> bool:
    """Whether the rotation had the right to end the credential at that moment."""
    ledger = rotation.ledger
    if credential == ledger.predecessor_id and ledger.confirmed_at is not None:
        return ledger.confirmed_at.timestamp() <= at
    return credential == ledger.successor_id and record.turned_back.get(rotation.id, at + 1) <= at


def _named(record: Record, at: float) -> str | None:
    """What the store named at that moment."""
    return next((one.value for one in reversed(record.values) if one.at <= at), None)


def _holders(record: Record, value: str, at: float) -> list[Instance]:
    return [
        one
        for one in record.instances
        if one.environment == record.secret.environment
        and one.held[record.secret.parameter] == value
        and one.since <= at < (one.until or at + 1)
    ]


def _strange_values(record: Record) -> Iterator[str]:
    """Every version has to be the one before again, the successor of it, or what it was the successor of, put back."""
    allowed = set()
    for rotation in record.rotations:
        one, other = record.predecessor(rotation), record.successor(rotation)
        allowed.add((one, other))
        if rotation.id in record.turned_back:
            allowed.add((other, one))
    seen: set[str] = set()
    for before, after in zip(record.values, record.values[1:], strict=False):
        seen.add(before.value)
        if after.value == before.value or (before.value, after.value) in allowed:
            continue
        what = "came back" if after.value in seen else "is of no rotation"
        yield f"the value of version {after.number} {what}"


def _strange_members(record: Record) -> Iterator[str]:
    """Members of the accepted set that no rotation made, or that were there again after they had gone."""
    gone: set[str] = set()
    ever: set[str] = set()
    for version in record.accepted:
        members = _members(version)
        if members & gone:
            yield f"a member came back with version {version.number} of the accepted set"
        gone = (gone | ever) - members
        ever |= members
    unseen = ever - {version.value for version in record.values}
    announced = [one for one in record.rotations if _announced_only(record, one)]
    if len(unseen) > len(announced):
        yield f"{len(unseen) - len(announced)} members of the accepted set are of no rotation"


def _announced_only(record: Record, rotation: Rotation) -> bool:
    """Its successor was, or may have been, in the accepted set, and never in the store.

    One that turned round in the middle of announce may have written the set without having recorded that.
    """
    ledger = rotation.ledger
    announced = ledger.announced is not None or ledger.undo_from is Phase.ANNOUNCE
    return announced and record.successor(rotation) is None


def _members(version: Version) -> set[str]:
    members: Iterable[str] = json.loads(version.value)
    return set(members)
