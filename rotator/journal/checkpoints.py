"""Rotations as workers have them: claimed, and written under their claim, with what there is to tell of it.

A rotation is claimed once and written seven times, so this is what its journal costs. On PostgreSQL a checkpoint with
its events is one statement, and so one commit and one round trip. The end of the chain that the event is linked to is
remembered from the claim on; the statement names it, so that it writes nothing if somebody has told more meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Insert, Row, Select, Update, bindparam, case, insert, select
from sqlalchemy.sql.dml import ReturningUpdate

from rotator.contracts.journal import Told
from rotator.journal.chain import TELL, End, linked
from rotator.journal.claims import claim, guarded, held, holder, put_off, released
from rotator.journal.database import Section, seconds
from rotator.journal.holds import STAMP
from rotator.journal.identity import RAISED, raise_generation
from rotator.journal.lookups import COLUMNS, read_rotation
from rotator.journal.newer import apart
from rotator.journal.tables import ACTIVE, event, rotation
from rotator.journal.words import among, is_word
from rotator.model.errors import LostClaim
from rotator.model.rotation import Phase, Priority, Rotation, State

#: What a worker may write: the recipe is frozen, and priority and approval belong to people, as does a rollback.
_WRITTEN: Final = (
    "phase",
    "state",
    "phase_since",
    "ended_at",
    "attempt",
    "reason",
    "sentence",
    "ledger",
    "sealed_predecessor",
    "sealed_successor",
    "data_key",
)
#: What others may have changed under a worker's hands, and the claim as it is now.
_NEWS: Final = (
    "priority",
    "approved_by",
    "rolled_back_by",
    "run_at",
    "claim_until",
    "owner",
    "claim_lost_at",
)
_END: Final = (rotation.c.last_sequence, rotation.c.previous_hash)
_LINK: Final = ("sequence", "at", "phase", "kind", "sentence", "hash", "previous_hash")
_HELD_END: Final = select(*_END).where(held(rotation)).with_for_update()
#: So many events go into the one statement: a phase and the one that it is carried along with.
_AT_ONCE: Final = 2
_EMERGENCIES_FIRST: Final = case((is_word(rotation.c.priority, Priority.EMERGENCY), 0), else_=1)


class _Kind(NamedTuple):
    """What a checkpoint does besides writing the row."""

    release: bool
    tells: int  # events; more than go into the one statement are not told apart
    ends: bool  # it is done: one more for the generation


class _Write(NamedTuple):
    """One checkpoint."""

    rotation: Rotation
    changed: Rotation
    told: Sequence[Told]
    at: datetime
    release: bool

    @property
    def kind(self) -> _Kind:
        """Which statement it takes."""
        return _Kind(self.release, min(len(self.told), _AT_ONCE), self.changed.state is State.DONE)

    @property
    def holder(self) -> dict[str, Any]:
        """Whose claim it is under."""
        return holder(self.rotation.id, self.rotation)

    def row(self) -> dict[str, Any]:
        """What is written over the row, and under which claim."""
        written = {f"set_{name}": getattr(self.changed, name) for name in _WRITTEN}
        due = {"due_at": self.changed.run_at} if self.release else {}
        return {**self.holder, **written, **due}

    def links(self, end: End) -> tuple[list[dict[str, Any]], End]:
        """What it tells, as the chain goes on from `end`."""
        return linked(self.rotation.id, end, self.at, self.rotation.phase, self.told)


class Checkpoints(Section):
    """The rows that workers advance."""

    def claim_rotations(
        self, owner: str, limit: int, phases: Iterable[Phase], lease: timedelta
    ) -> Sequence[Rotation]:
        """Claims due active rotations whose phase is among `phases`: emergencies first, then by run_at.

        Raises the fence. A claim that ran out without being released leaves `claim_lost_at` on the row.
        """
        claiming = self._claiming(frozenset(phases))
        with self._db.stating() as connection:
            taken = {"claimer": owner, "limit": limit, "lease": seconds(lease)}
            rows = connection.execute(claiming, taken).all()
        known, newer = apart(rows, read_rotation)
        put_off(self._db, rotation, {row.id: row for row in newer}, lease)
        for row in rows:
            self._heard(row)
            self._ends[row.id] = End(row.last_sequence, row.previous_hash)
        return sorted(known, key=lambda row: row.priority is not Priority.EMERGENCY)

    def checkpoint(self, rotation: Rotation, changed: Rotation, *told: Told, release: bool) -> Rotation:
        """Writes `changed` over `rotation` if its fence and owner still stand, with `told` as events, atomically.

        Returns the row as it is now. Raises LostClaim when the claim is no longer ours. Events are told by the phase
        that `rotation` was in.
        """
        write = _Write(rotation, changed, told, self._db.clock(), release)
        row, ending = self._as_known(write) or self._as_found(write)
        self._heard(row)
        if not release:
            self._ends[rotation.id] = ending
        news = {name: getattr(row, name) for name in _NEWS}
        return changed.model_copy(update={**news, "priority": Priority(row.priority)})

    def _as_known(self, write: _Write) -> tuple[Row[Any], End] | None:
        """Writes on from the end that is remembered; None, and nothing is written, where that is not the end."""
        end = self._ends.pop(write.rotation.id, None)
        if end is None or len(write.told) > _AT_ONCE:
            return None
        with self._db.stating() as connection:
            return self._written(connection, write, end)

    def _as_found(self, write: _Write) -> tuple[Row[Any], End]:
        """Locks the row and looks where its chain ends: somebody has told more meanwhile. Raises LostClaim."""
        with self._db.writing() as connection:
            end = connection.execute(_HELD_END, write.holder).one_or_none()
            written = None if end is None else self._written(connection, write, End(*end))
        if written is None:
            lost = f"rotation {write.rotation.id} is not ours any more: its claim ran out or was taken over"
            raise LostClaim(lost)
        return written

    def _written(self, connection: Connection, write: _Write, end: End) -> tuple[Row[Any], End] | None:
        """The row after the write, and where its chain ends then; None where it was not as we know it."""
        links, ending = write.links(end)
        parameters = {**write.row(), **_continued(end, ending)}
        if self._db.embedded or len(links) > _AT_ONCE:
            row = connection.execute(self._moving[write.kind], parameters).one_or_none()
            if row is not None:
                _accompany(connection, write.kind, links)
        else:
            told = {
                f"told_{number}_{name}": value
                for number, link in enumerate(links)
                for name, value in link.items()
            }
            row = connection.execute(self._at_once[write.kind], {**parameters, **told}).one_or_none()
        return None if row is None else (row, ending)

    def _heard(self, row: Row[Any]) -> None:
        """What every statement brings along."""
        self._db.present.hear(row.heard_at)
        self._db.holds.see(row.heard_at, row.stamp)

    def _claiming(self, phases: frozenset[Phase]) -> ReturningUpdate[Any]:
        if phases not in self._claimings:
            lost = case((rotation.c.owner.is_not(None), self._db.now), else_=rotation.c.claim_lost_at)
            self._claimings[phases] = claim(
                self._db,
                rotation,
                due=(ACTIVE, among(rotation.c.phase, phases)),
                order=(_EMERGENCIES_FIRST, rotation.c.run_at),
                also={rotation.c.claim_lost_at: lost},
            ).returning(*COLUMNS, *_END, *self._asides)
        return self._claimings[phases]

    @cached_property
    def _claimings(self) -> dict[frozenset[Phase], ReturningUpdate[Any]]:
        return {}

    @cached_property
    def _ends(self) -> dict[str, End]:
        """Of the rows that this process holds. One that is wrong costs a look, never a link."""
        return {}

    @cached_property
    def _moving(self) -> dict[_Kind, ReturningUpdate[Any]]:
        """The row's own statement."""
        return {kind: _moved(kind).returning(*self._news) for kind in _kinds()}

    @cached_property
    def _at_once(self) -> dict[_Kind, Select[Any]]:
        """The same with its event and the generation, as PostgreSQL does it in one statement."""
        return {kind: _with_company(self._moving[kind], kind) for kind in _kinds()}

    @property
    def _news(self) -> tuple[Any, ...]:
        return rotation.c.id, *(rotation.c[name] for name in _NEWS), *self._asides

    @property
    def _asides(self) -> tuple[Any, ...]:
        return self._db.now.label("heard_at"), STAMP


def _kinds() -> list[_Kind]:
    both, told = (False, True), range(_AT_ONCE + 1)
    return [_Kind(release, tells, ends) for release in both for tells in told for ends in both]


def _moved(kind: _Kind) -> Update:
    """Writes the row under its claim; where it tells something, only while its chain ends where we know."""
    written = list(_WRITTEN)
    moving = guarded(rotation)
    if kind.tells:
        written += ["last_sequence", "previous_hash"]
        moving = moving.where(rotation.c.previous_hash == bindparam("known_hash"))
    values = {name: bindparam(f"set_{name}", type_=rotation.c[name].type) for name in written}
    return moving.values({**values, **(released(rotation) if kind.release else {})})


def _with_company(moving: ReturningUpdate[Any], kind: _Kind) -> Select[Any]:
    """One statement that writes the row and, if it did, what goes with it."""
    row = moving.cte("moved")
    statement = select(*(column for column in row.c if column.name != "id"))
    for number in range(kind.tells):
        said = [bindparam(f"told_{number}_{name}", type_=event.c[name].type) for name in _LINK]
        telling: Insert = insert(event).from_select(["rotation", *_LINK], select(row.c.id, *said))
        statement = statement.add_cte(telling.cte(f"told_{number}"))
    if kind.ends:
        statement = statement.add_cte(RAISED.where(select(row.c.id).exists()).cte("raised"))
    return statement


def _accompany(connection: Connection, kind: _Kind, links: Sequence[dict[str, Any]]) -> None:
    if links:
        connection.execute(TELL, links)
    if kind.ends:
        raise_generation(connection)


def _continued(end: End, ending: End) -> dict[str, Any]:
    """What the statement has to know of the chain."""
    return {
        "known_hash": end.previous_hash,
        "set_last_sequence": ending.last_sequence,
        "set_previous_hash": ending.previous_hash,
    }
