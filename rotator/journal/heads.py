"""Signed heads: once an hour, one signature over the ends of all chains that grew since the last one.

A chain shows that nothing inside it was changed, and its row shows where it ends; whoever can write the tables could
cut both, or drop a rotation as a whole. A head names every chain's end under a key that is not in the database, and
each head is linked to the one before. Only the newest heads can be cut off unseen, unless they are kept elsewhere
too: the daemon logs each, which is harmless.

The key is a data key like that of a rotation, and it signs by what it can do: an empty envelope bound to the head's
digest, whose AES-GCM tag nobody makes without it. Each head keeps its key, wrapped: a sealer may be replaced.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import Row, bindparam, insert, select, update

from rotator.contracts.sealer import DataKey
from rotator.journal.as_kept import HEADS, LINKS, Link, head_of, link_of, text_of_any_kind
from rotator.journal.chain import BEGINNING, hash_of
from rotator.journal.database import Section
from rotator.journal.tables import UNSIGNED, event, head, meta, rotation
from rotator.model.errors import Refused
from rotator.model.numbers import counted
from rotator.model.record import Broken, Head

#: A sealer's open_key() in the context of heads.
OpenKey = Callable[[str], DataKey]
#: Of the chains that grew: rotation id -> (last sequence, last hash).
Ends = Mapping[str, tuple[int, str]]


_ONE_AT_A_TIME: Final = select(meta.c.id).with_for_update()
_COLUMNS: Final = tuple(head.c[name] for name in Head._fields)
_NEWEST: Final = select(*_COLUMNS).order_by(head.c.number.desc()).limit(1)
_ANY_UNSIGNED: Final = select(event.c.rotation).where(UNSIGNED).limit(1)
_COVER: Final = (
    update(event)
    .where(UNSIGNED)
    .values(head=bindparam("next_head"))
    .returning(event.c.rotation, event.c.sequence, event.c.hash)
)
_ADD: Final = insert(head)
_UNTOLD: Final = (
    select(rotation.c.id, rotation.c.last_sequence)
    .where(rotation.c.last_sequence > 0, ~select(event).where(event.c.rotation == rotation.c.id).exists())
    .order_by(rotation.c.id)
)


class Heads(Section):
    """Proof that the record is whole."""

    def unsigned(self) -> bool:
        """Whether anything was recorded that no head covers yet."""
        with self._db.reading() as connection:
            return connection.execute(_ANY_UNSIGNED).one_or_none() is not None

    def newest_head(self) -> Head | None:
        """The last signed head; None before the first."""
        with self._db.reading() as connection:
            newest = connection.execute(_NEWEST).one_or_none()
        return None if newest is None else Head(*newest)

    def sign_heads(self, key: DataKey) -> Head:
        """Signs the ends of all chains that grew since the newest head, over that head, and keeps `key` wrapped."""
        with self._db.writing() as connection:
            connection.execute(_ONE_AT_A_TIME)
            last = connection.execute(_NEWEST).one_or_none()
            number, previous = (last.number + 1, last.digest) if last else (1, BEGINNING)
            ends = _ends(connection.execute(_COVER, {"next_head": number}).all())
            at = self._db.time(connection)
            digest = digest_of(number, at, previous, ends)
            signed = Head(number, at, digest, key.seal({}, bound_to=digest), key.wrapped)
            connection.execute(_ADD, signed._asdict())
        return signed

    def verify_chain(self, rotation_id: str) -> Sequence[Broken]:
        """What is not as it was written in one rotation's story: changed, missing, moved or cut off."""
        of_this, untold = event.c.rotation == rotation_id, rotation.c.id == rotation_id
        with self._db.snapshot() as connection, text_of_any_kind(connection):
            links = connection.execute(LINKS.where(of_this)).all()
            return [
                *_faults([(row, link_of(row)) for row in links]),
                *_silent(connection.execute(_UNTOLD.where(untold)).all()),
            ]

    def verify_all(self, open_key: OpenKey | None = None) -> Sequence[Broken]:
        """The same for every rotation and every head; without `open_key` the heads' signatures are not looked at.

        A head whose key `open_key` refuses to open is among what is found; Transient trouble is raised.
        """
        broken: list[Broken] = []
        ends = defaultdict[int | None, dict[str, tuple[int, str]]](dict)  # None: not signed yet
        with self._db.snapshot() as connection, text_of_any_kind(connection):
            links = connection.execute(LINKS, execution_options={"yield_per": 1000})
            for rotation_id, story in groupby(links, key=attrgetter("rotation")):
                chain = [(row, link_of(row)) for row in story]
                broken += _faults(chain)
                for link in (link for _row, link in chain if link is not None):
                    ends[link.head][rotation_id] = (link.sequence, link.hash)
            broken += _silent(connection.execute(_UNTOLD).all())
            kept = connection.execute(HEADS).all()
        signed = [(row, head_of(row)) for row in kept]
        heads = [one for _row, one in signed if one is not None]
        broken += [_unreadable("", row.number, "head") for row, one in signed if one is None]
        broken += _misfits(heads, ends)
        if open_key is not None:
            broken += _forged(heads, open_key)
        return broken


def digest_of(number: int, at: datetime, previous: str, ends: Ends) -> str:
    """SHA-256 over a head as canonical JSON: its number and time, the digest before it, and the ends it covers."""
    said = [number, at.isoformat(), previous, sorted([chain, *end] for chain, end in ends.items())]
    return hashlib.sha256(json.dumps(said, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()


def _ends(links: Sequence[Row[Any]]) -> Ends:
    return {link.rotation: (link.sequence, link.hash) for link in sorted(links, key=attrgetter("sequence"))}


def _faults(chain: Sequence[tuple[Row[Any], Link | None]]) -> Iterator[Broken]:
    """What is wrong inside one chain, in order, and with its end: rows, and what can be read of them."""
    expected, previous = 1, BEGINNING
    for row, link in chain:
        if link is None:
            yield _unreadable(row.rotation, row.sequence, "event")
            continue
        if link.sequence != expected:
            yield Broken(link.rotation, expected, f"event {expected} is missing")
        elif link.previous_hash != previous:
            yield Broken(
                link.rotation, link.sequence, f"event {link.sequence} does not follow the one before it"
            )
        if link.hash != hash_of(link):
            yield Broken(link.rotation, link.sequence, f"event {link.sequence} was changed")
        expected, previous = link.sequence + 1, link.hash
    for row, end in chain[-1:]:
        if end is not None and row.last_sequence is None:
            yield Broken(end.rotation, end.sequence, "its rotation is missing")
        elif end is not None and (row.last_sequence, row.last_hash) != (end.sequence, end.hash):
            yield Broken(end.rotation, end.sequence, f"its story should end with event {row.last_sequence}")


def _unreadable(rotation_id: object, number: object, what: str) -> Broken:
    """Nothing that stands in it is told: it may be anything."""
    named = rotation_id if isinstance(rotation_id, str) else "a rotation without a name"
    number = number if isinstance(number, int) else 0
    return Broken(named, number, f"{what} {number or 'without a number'} cannot be read: it was changed")


def _silent(untold: Iterable[tuple[str, int]]) -> Iterator[Broken]:
    for rotation_id, last_sequence in untold:
        yield Broken(rotation_id, 1, f"its whole story is missing, {counted(last_sequence, 'event')}")


def _misfits(heads: Sequence[Head], ends: Mapping[int | None, Ends]) -> Iterator[Broken]:
    """What is wrong with the heads, and with events that claim to be under one that does not exist."""
    expected, previous, known = 1, BEGINNING, set[int]()
    for signed in heads:
        number = signed.number
        known |= {number, expected}
        if number != expected:
            yield Broken("", expected, f"head {expected} is missing")
        elif signed.digest != digest_of(number, signed.at, previous, ends.get(number, {})):
            yield Broken(
                "", number, f"head {number} does not fit the events it covers: some were changed or removed"
            )
        expected, previous = number + 1, signed.digest
    for number in sorted(covered for covered in ends if covered is not None and covered not in known):
        yield Broken("", number, f"head {number} is missing")


def _forged(heads: Sequence[Head], open_key: OpenKey) -> Iterator[Broken]:
    """Heads that their own key did not sign, and those whose key is none of ours."""
    keys = {wrapped: _opened(wrapped, open_key) for wrapped in {signed.data_key for signed in heads}}
    for signed in heads:
        key = keys[signed.data_key]
        if isinstance(key, Refused):
            yield Broken("", signed.number, f"head {signed.number} cannot be checked: {key}", unchecked=True)
        elif not _signed_by(key, signed):
            yield Broken("", signed.number, f"head {signed.number} was not signed by us")


def _opened(wrapped: str, open_key: OpenKey) -> DataKey | Refused:
    try:
        return open_key(wrapped)
    except Refused as refusal:
        return refusal


def _signed_by(key: DataKey, signed: Head) -> bool:
    try:
        key.open(signed.mac, bound_to=signed.digest)
    except Refused:
        return False
    return True
