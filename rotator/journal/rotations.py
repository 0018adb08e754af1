"""Rotations: opened once per principal, and told what people say of them, whoever holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final

from sqlalchemy import Connection, Insert, Select, Update, bindparam, delete, func, null, select, update

from rotator.contracts.journal import Opening, Told
from rotator.journal.chain import BEGINNING, TELL, End, linked, tell
from rotator.journal.claims import woken
from rotator.journal.database import Section
from rotator.journal.requests import SETTLED
from rotator.journal.tables import ACTIVE, WAITING, request, rotation
from rotator.journal.words import is_word
from rotator.model.requests import RequestState
from rotator.model.rotation import Priority, State

_THIS: Final = rotation.c.id == bindparam("key")
_PARKED: Final = is_word(rotation.c.state, State.PARKED)
_END: Final = (rotation.c.last_sequence, rotation.c.previous_hash)
#: Columns that hold whose word it was.
_NAMES: Final = frozenset({"approved_by", "rolled_back_by"})
_NEVER: Final = datetime.min.replace(tzinfo=UTC)
#: So many are opened in one transaction.
_AT_ONCE: Final = 500
#: Where the stories end that are there now: those that end as we told them are ours.
_STORIES: Final = select(rotation.c.id, rotation.c.previous_hash).where(
    rotation.c.id.in_(bindparam("ids", expanding=True))
)
#: When each secret's rotations were last opened and ended.
_LAST: Final = (
    select(rotation.c.secret, func.max(rotation.c.opened_at), func.max(rotation.c.ended_at))
    .where(rotation.c.secret.in_(bindparam("secrets", expanding=True)))
    .group_by(rotation.c.secret)
)


#: Requests that wait, and that nobody else settles now.
_STILL_ASKED: Final = (
    select(request.c.id)
    .where(request.c.id.in_(bindparam("asked", expanding=True)), WAITING)
    .order_by(request.c.id)
    .with_for_update()
)
_NEVER_OPENED: Final = delete(rotation).where(rotation.c.id.in_(bindparam("ids", expanding=True)))


class Rotations(Section):
    """The rows that workers advance, as others see and change them."""

    def open_rotations(self, openings: Sequence[Opening]) -> set[str]:
        """Adds active rotations, with the requests that they answer. Returns the ids of those that were opened."""
        at = self._db.clock()
        some = (openings[first : first + _AT_ONCE] for first in range(0, len(openings), _AT_ONCE))
        return {rotation_id for part in some for rotation_id in self._open(part, at)}

    def _open(self, openings: Sequence[Opening], at: datetime) -> set[str]:
        """All of these in one transaction."""
        with self._db.writing() as connection:
            openings = _still_meant(connection, openings)
            if not openings:
                return set()
            begun = [_begun(each, at) for each in openings]
            rows, lines = [row for row, _ in begun], {row["id"]: line for row, line in begun}
            connection.execute(self._open_row, rows)
            there = connection.execute(_STORIES, {"ids": list(lines)}).all()
            opened = {key for key, last_hash in there if last_hash == lines[key]["hash"]}
            opened -= _take_back(connection, [each for each in openings if each.rotation.id in opened])
            if opened:
                connection.execute(TELL, [lines[key] for key in opened])
            answers = [answer for each in openings if each.rotation.id in opened for answer in _answers(each)]
            if answers:
                connection.execute(SETTLED, answers)
        return opened

    def wake(self, rotation_id: str, asked: str = "", sentence: str = "") -> None:
        """Makes a waiting rotation due now; one that is claimed is due again as soon as it is released.

        The request that wants it, `asked`, is taken in the same transaction: no replica sees one without the other.
        """
        with self._db.writing() as connection:
            connection.execute(self._wake_rotation, {"key": rotation_id})
            if asked:
                connection.execute(SETTLED, _taken(asked, sentence))

    def approve(self, rotation_id: str, told: Told, by: str) -> None:
        """Writes down who gave the yes that a rotation waits for, and wakes it."""
        self._hear(rotation_id, told, {"approved_by": by})

    def escalate(self, rotation_id: str, told: Told) -> None:
        """Makes a rotation an emergency, and wakes it."""
        self._hear(rotation_id, told, {"priority": Priority.EMERGENCY})

    def reopen(self, rotation_id: str, told: Told, asked: str = "", sentence: str = "") -> bool:
        """Makes a parked rotation active and due where it stands, with its request as wake() does.

        False, and nothing is taken, when it is not parked.
        """
        return self._reopen(rotation_id, told, {}, _taken(asked, sentence) if asked else None)

    def roll_back(self, rotation_id: str, told: Told, by: str) -> None:
        """Writes down who asked an active or parked rotation to go back, and makes it due."""
        if not self._reopen(rotation_id, told, {"rolled_back_by": by}):
            self._hear(rotation_id, told, {"rolled_back_by": by})

    def _reopen(
        self,
        rotation_id: str,
        told: Told,
        word: Mapping[str, str],
        taken: Mapping[str, Any] | None = None,
    ) -> bool:
        with self._db.writing() as connection:
            row = connection.execute(self._parked_end, {"key": rotation_id}).one_or_none()
            if row is None:
                return False
            *end, now, phase = row
            ending = _ending(tell(connection, rotation_id, End(*end), now, phase, (told,)))
            connection.execute(
                self._reopen_rotation, {"key": rotation_id, "sentence": told.sentence, **word, **ending}
            )
            if taken is not None:
                connection.execute(SETTLED, taken)
            return True

    def _hear(self, rotation_id: str, told: Told, word: Mapping[str, str]) -> None:
        """A person's word about an active rotation, whoever holds it; what two replicas heard of one is said once."""
        unsaid = [rotation.c[name].is_distinct_from(said) for name, said in word.items() if name in _NAMES]
        with self._db.writing() as connection:
            row = connection.execute(self._active_end.where(*unsaid), {"key": rotation_id}).one_or_none()
            if row is not None:
                *end, now, phase = row
                ending = _ending(tell(connection, rotation_id, End(*end), now, phase, (told,)))
                connection.execute(self._wake_rotation, {"key": rotation_id, **word, **ending})

    @cached_property
    def _open_row(self) -> Insert:
        """Not while its principal has one, nor under an id that was there before.

        Without RETURNING: PostgreSQL takes many rows five times faster than it tells which it took.
        """
        return self._db.insert(rotation).on_conflict_do_nothing()

    @cached_property
    def _active_end(self) -> Select[Any]:
        return select(*_END, self._db.now, rotation.c.phase).where(_THIS, ACTIVE).with_for_update()

    @cached_property
    def _parked_end(self) -> Select[Any]:
        return select(*_END, self._db.now, rotation.c.phase).where(_THIS, _PARKED).with_for_update()

    @cached_property
    def _reopen_rotation(self) -> Update:
        again = {"state": State.ACTIVE, "run_at": self._db.now, "attempt": 0, "reason": null()}
        return update(rotation).where(_THIS, _PARKED).values(again)

    @cached_property
    def _wake_rotation(self) -> Update:
        return update(rotation).where(_THIS, ACTIVE).values(woken(rotation, self._db.now))


def _still_meant(connection: Connection, openings: Sequence[Opening]) -> list[Opening]:
    """Without those of secrets that have been rotated since that was decided: a replica may freeze in between."""
    secrets = sorted({each.rotation.secret for each in openings})
    rows = connection.execute(_LAST, {"secrets": secrets}).all()
    last = {secret: max(filter(None, moments)) for secret, *moments in rows}
    return [each for each in openings if last.get(each.rotation.secret, _NEVER) <= each.rotation.opened_at]


def _take_back(connection: Connection, openings: Sequence[Opening]) -> set[str]:
    """Takes back those of which somebody settled a request meanwhile: another replica refused it, or was faster.

    Which, by id. Looked at only now, because every statement locks rotations before requests.
    """
    asked = [answer for each in openings for answer in each.answers]
    if not asked:
        return set()
    waiting = set(connection.execute(_STILL_ASKED, {"asked": asked}).scalars())
    late = {each.rotation.id for each in openings if not waiting.issuperset(each.answers)}
    if late:
        connection.execute(_NEVER_OPENED, {"ids": list(late)})
    return late


def _begun(opening: Opening, at: datetime) -> tuple[dict[str, Any], dict[str, Any]]:
    """The row and the first event of a rotation."""
    draft = opening.rotation
    (line,), end = linked(draft.id, End(0, BEGINNING), at, draft.phase, (opening.told,))
    return {**dict(draft), **_ending(end)}, line


def _answers(opening: Opening) -> list[dict[str, Any]]:
    """How the requests are settled that it answers."""
    became = opening.rotation.id
    return [_taken(asked, f"became {became}", became) for asked in opening.answers]


def _taken(asked: str, sentence: str, rotation_id: str | None = None) -> dict[str, Any]:
    return {"key": asked, "state": RequestState.TAKEN, "sentence": sentence, "rotation": rotation_id}


def _ending(end: End) -> dict[str, Any]:
    """The columns that know where a chain ends."""
    return {"last_sequence": end.last_sequence, "previous_hash": end.previous_hash}
