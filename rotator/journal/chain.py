"""A rotation's story as a chain: each event's hash covers it and the hash before it.

One chain per rotation, so that workers never queue for the end of a common one. What a chain cannot show by itself,
that its end is missing, is shown by the row (it knows its last hash) and by the signed heads over all chains.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, bindparam, insert, select

from rotator.contracts.journal import Told
from rotator.journal.database import Section
from rotator.journal.tables import event
from rotator.journal.words import among
from rotator.model.rotation import Event, Phase

BEGINNING: Final = ""  # what the first event links to
TELL: Final = insert(event)
_CANONICAL: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)
_STORY: Final = (
    select(*(event.c[name] for name in Event.model_fields))
    .where(event.c.rotation == bindparam("rotation_id"), among(event.c.phase, Phase))
    .order_by(event.c.sequence)
)

#: Of so many rotations at once: a statement has a bounded number of parameters.
_AT_ONCE: Final = 500
_STORIES: Final = (
    select(*(event.c[name] for name in Event.model_fields))
    .where(event.c.rotation.in_(bindparam("ids", expanding=True)), among(event.c.phase, Phase))
    .order_by(event.c.rotation, event.c.sequence)
)


class _Link(NamedTuple):
    """An event whose hash is not known yet."""

    rotation: str
    sequence: int
    at: datetime
    phase: Phase
    kind: str
    sentence: str
    previous_hash: str


class End(NamedTuple):
    """Where a rotation's chain ends."""

    last_sequence: int
    previous_hash: str


def hash_of(link: Any) -> str:
    """SHA-256 of the event as canonical JSON: a list, so that there is no order to agree on; UTF-8, no spaces."""
    said = [
        link.rotation,
        link.sequence,
        link.at.isoformat(),
        link.phase,
        link.kind,
        link.sentence,
        link.previous_hash,
    ]
    return hashlib.sha256(_CANONICAL.encode(said).encode()).hexdigest()


def linked(
    rotation_id: str, end: End, at: datetime, phase: Phase, told: Iterable[Told]
) -> tuple[list[dict[str, Any]], End]:
    """The events that carry a rotation's chain on from `end`, and where it ends then."""
    links: list[dict[str, Any]] = []
    for sequence, line in enumerate(told, start=end.last_sequence + 1):
        link = _Link(
            rotation_id, sequence, at, line.phase or phase, line.kind, line.sentence, end.previous_hash
        )
        end = End(sequence, hash_of(link))
        links.append({**link._asdict(), "hash": end.previous_hash})
    return links, end


def tell(
    connection: Connection, rotation_id: str, end: End, at: datetime, phase: Phase, told: Iterable[Told]
) -> End:
    """Adds events to a rotation's chain; the caller holds the row and writes the new end into it."""
    links, end = linked(rotation_id, end, at, phase, told)
    connection.execute(TELL, links)
    return end


class Stories(Section):
    """What happened to each rotation."""

    def events(self, rotation_id: str) -> Sequence[Event]:
        """A rotation's story in order."""
        with self._db.reading() as connection:
            rows = connection.execute(_STORY, {"rotation_id": rotation_id}).all()
        return [Event.model_validate(row._asdict()) for row in rows]

    def stories(self, ids: Iterable[str]) -> Mapping[str, Sequence[Event]]:
        """The same of many, by id; who has none is left out."""
        wanted, found = list(ids), dict[str, list[Event]]()
        for first in range(0, len(wanted), _AT_ONCE):
            with self._db.reading() as connection:
                rows = connection.execute(_STORIES, {"ids": wanted[first : first + _AT_ONCE]}).all()
            for row in rows:
                found.setdefault(row.rotation, []).append(Event.model_validate(row._asdict()))
        return found
