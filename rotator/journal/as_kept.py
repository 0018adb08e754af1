"""Events and heads as the database keeps them, for who proves that they are as they were written.

SQLite keeps whatever somebody writes into its file: a word where a moment belongs, a number where a text does, bytes
that are no text. Whoever looks whether the record is whole must not stumble over that, or one such row would hide all
others. So rows are read as they are here, and one that cannot have been written by rotator is None.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Double, Row, Select, Table, select, type_coerce

from rotator.journal.database import driver
from rotator.journal.tables import event, head, rotation
from rotator.model.record import Head


class Link(NamedTuple):
    """An event."""

    rotation: str
    sequence: int
    at: datetime
    phase: str
    kind: str
    sentence: str
    previous_hash: str
    hash: str
    head: int | None  # that covers it


def _as_they_are(table: Table, names: tuple[str, ...]) -> list[Any]:
    return [type_coerce(table.c.at, Double) if name == "at" else table.c[name] for name in names]


#: Each event, with what its rotation's row says of the end of its story.
LINKS: Final[Select[Any]] = (
    select(
        *_as_they_are(event, Link._fields),
        rotation.c.last_sequence,
        rotation.c.previous_hash.label("last_hash"),
    )
    .join(rotation, rotation.c.id == event.c.rotation, isouter=True)
    .order_by(event.c.rotation, event.c.sequence)
)
HEADS: Final[Select[Any]] = select(*_as_they_are(head, Head._fields)).order_by(head.c.number)


def link_of(row: Row[Any]) -> Link | None:
    """The event of a row of LINKS."""
    link = Link._make(row[: len(Link._fields)])
    numbers, texts = (link.sequence, link.head or 0), (link.rotation, *link[3:8])
    at = _moment(link.at)
    return link._replace(at=at) if at and _are(int, numbers) and _are(str, texts) else None


def head_of(row: Row[Any]) -> Head | None:
    """The head of a row of HEADS."""
    kept = Head._make(row)
    at = _moment(kept.at)
    right = at and _are(int, (kept.number,)) and _are(str, (kept.digest, kept.mac, kept.data_key))
    return kept._replace(at=at) if at and right else None


@contextmanager
def text_of_any_kind(connection: Connection) -> Iterator[None]:
    """Meanwhile bytes that are no UTF-8 are read as text that nobody has written. PostgreSQL keeps none."""
    if connection.dialect.name != "sqlite":
        yield
        return
    sqlite = driver(connection)
    usual, sqlite.text_factory = sqlite.text_factory, lambda kept: kept.decode(errors="replace")
    try:
        yield
    finally:
        sqlite.text_factory = usual


def _are(kind: type, found: tuple[object, ...]) -> bool:
    return all(isinstance(one, kind) for one in found)


def _moment(kept: Any) -> datetime | None:
    try:
        return datetime.fromtimestamp(kept, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None
