"""Rollouts: rows that gather the rotations of one workload, claimed and advanced like rotations.

A rollout is joined while it is open. Closing it and joining it lock the same row, so a join lands before the closing
or in the next rollout, never after.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Final

from sqlalchemy import Connection, Insert, Row, Update, bindparam, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.dml import ReturningInsert, ReturningUpdate

from rotator.journal.claims import claim, guarded, holder, in_one_order, put_off, released, woken
from rotator.journal.database import Section, seconds
from rotator.journal.newer import apart
from rotator.journal.tables import ACTIVE, JOINABLE, UNENDED, rollout, rollout_member, rotation
from rotator.journal.words import is_word
from rotator.model.errors import LostClaim, Transient
from rotator.model.rotation import Purpose, RolloutRow, RolloutState

#: What whoever advances a rollout may write.
_WRITTEN: Final = ("state", "started_at", "ended_at", "attempt", "sentence", "evidence", "seen")
_ENDED: Final = (RolloutState.DONE, RolloutState.FAILED)

_COLUMNS: Final = tuple(rollout.c[name] for name in RolloutRow.model_fields if name != "members")
_FOR: Final = (rollout.c.workload == bindparam("of"), rollout.c.purpose == bindparam("meant_for"))
#: Where no moment is named: before any rollout.
_EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: Where a rotation stays: its newest rollout of that workload and purpose that did not fail, and began since.
_JOINED: Final = (
    select(*_COLUMNS)
    .join(rollout_member, rollout_member.c.rollout == rollout.c.id)
    .where(rollout_member.c.rotation == bindparam("joining"), *_FOR)
    .where(~is_word(rollout.c.state, RolloutState.FAILED))
    .where(or_(rollout.c.started_at.is_(None), rollout.c.started_at >= bindparam("since")))
    .order_by(rollout.c.opened_at.desc(), rollout.c.id.desc())
    .limit(1)
)
_OPEN: Final = select(*_COLUMNS).where(*_FOR, JOINABLE).with_for_update()
#: One join of a rotation at a time, also where a worker that lost it still tries.
_JOINING: Final = select(rotation.c.id).where(rotation.c.id == bindparam("joining")).with_for_update()
_MEMBERS: Final = (
    select(rollout_member.c.rollout, rollout_member.c.rotation)
    .where(rollout_member.c.rollout.in_(bindparam("ids", expanding=True)))
    .order_by(rollout_member.c.joined_at, rollout_member.c.rotation)
)
_BY_ID: Final = (
    select(*_COLUMNS)
    .where(rollout.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(rollout.c.opened_at, rollout.c.id)
)
_CHECKPOINTS: Final = {
    release: guarded(rollout).values(released(rollout) if release else {}).returning(*_COLUMNS)
    for release in (False, True)
}


class Rollouts(Section):
    """One rollout for all that is ready."""

    def join_rollout(
        self,
        rotation_id: str,
        workload: str,
        purpose: Purpose,
        *,
        exclusive: bool,
        since: datetime | None = None,
    ) -> RolloutRow:
        """Joins the workload's open rollout of that purpose, or opens one.

        A rotation that already is a member of a rollout of that workload and purpose gets that one again, unless it
        failed or began before `since`. An exclusive rollout is joined by nobody else.
        """
        wanted = {"joining": rotation_id, "of": workload, "meant_for": purpose}
        with self._db.writing() as connection:
            connection.execute(_JOINING, wanted)
            row = connection.execute(_JOINED, {**wanted, "since": since or _EVER}).one_or_none()
            if row is None:
                row = self._joinable(connection, wanted, exclusive=exclusive)
                connection.execute(self._add_member, {"rollout": row.id, "rotation": rotation_id})
            return _read(connection, [row])[0]

    def rollouts(self, ids: Iterable[str]) -> Sequence[RolloutRow]:
        """Rollouts by id, in the order in which they were opened."""
        with self._db.reading() as connection:
            return _read(connection, connection.execute(_BY_ID, {"ids": list(ids)}).all())

    def claim_rollouts(self, owner: str, limit: int, lease: timedelta) -> Sequence[RolloutRow]:
        """Claims due rollouts that are open or closed, as claim_rotations does."""
        with self._db.writing() as connection:
            taken = {"claimer": owner, "limit": limit, "lease": seconds(lease)}
            rows = connection.execute(self._claim_rollout, taken).all()
            known, newer = _apart(connection, rows)
        put_off(self._db, rollout, {row.id: row for row in newer}, lease)
        return known

    def start_rollout(self, rollout: RolloutRow) -> RolloutRow | None:
        """Stamps `started_at`. None while another rollout of its workload is under way: the index has room for one."""
        try:
            with self._db.writing() as connection:
                row = connection.execute(self._start_rollout, holder(rollout.id, rollout)).one_or_none()
                if row is None:
                    raise _lost(rollout.id)
                return _read(connection, [row])[0]
        except IntegrityError:
            return None

    def checkpoint_rollout(self, rollout: RolloutRow, changed: RolloutRow, *, release: bool) -> RolloutRow:
        """As checkpoint(); a rollout that ends wakes its members. Members are never written: only joins add them."""
        written = {name: getattr(changed, name) for name in _WRITTEN}
        due = {"due_at": changed.run_at} if release else {}
        with self._db.writing() as connection:
            parameters = {**holder(rollout.id, rollout), **written, **due}
            row = connection.execute(_CHECKPOINTS[release], parameters).one_or_none()
            if row is None:
                raise _lost(rollout.id)
            if changed.state in _ENDED:
                connection.execute(self._wake_members, {"ended": rollout.id})
            return _read(connection, [row])[0]

    def _joinable(self, connection: Connection, wanted: dict[str, str], *, exclusive: bool) -> Row[Any]:
        """The open rollout, held open until we are in it; else a new one. Two that open at once meet in the index."""
        while True:
            row = None if exclusive else connection.execute(_OPEN, wanted).one_or_none()
            if row is None:
                fresh = {"workload": wanted["of"], "purpose": wanted["meant_for"], "exclusive": exclusive}
                row = connection.execute(self._open_rollout, {"id": self._db.new_id(), **fresh}).one_or_none()
            if row is not None:
                return row

    @cached_property
    def _open_rollout(self) -> ReturningInsert[Any]:
        insert = self._db.insert(rollout).values(
            state=RolloutState.OPEN,
            opened_at=self._db.now,
            run_at=self._db.now,
            fence=0,
            attempt=0,
            sentence="",
            seen={},
        )
        free = insert.on_conflict_do_nothing(
            index_elements=[rollout.c.workload, rollout.c.purpose], index_where=JOINABLE
        )
        return free.returning(*_COLUMNS)

    @cached_property
    def _start_rollout(self) -> ReturningUpdate[Any]:
        return guarded(rollout).values(started_at=self._db.now).returning(*_COLUMNS)

    @cached_property
    def _add_member(self) -> Insert:
        return insert(rollout_member).values(joined_at=self._db.now)

    @cached_property
    def _claim_rollout(self) -> ReturningUpdate[Any]:
        return claim(self._db, rollout, due=(UNENDED,), order=(rollout.c.run_at,)).returning(*_COLUMNS)

    @cached_property
    def _wake_members(self) -> Update:
        members = (
            select(rotation.c.id)
            .join(rollout_member, rollout_member.c.rotation == rotation.c.id)
            .where(rollout_member.c.rollout == bindparam("ended"), ACTIVE)
        )
        waking = update(rotation).where(rotation.c.id.in_(in_one_order(members, rotation)))
        return waking.values(woken(rotation, self._db.now))


def _lost(rollout_id: str) -> LostClaim:
    return LostClaim(f"rollout {rollout_id} is not ours any more: its claim ran out or was taken over")


def _read(connection: Connection, rows: Sequence[Row[Any]]) -> list[RolloutRow]:
    """Rollouts in the order of their rows. Raises Transient where one cannot be read: nobody may pass it over."""
    known, newer = _apart(connection, rows)
    if newer:
        raise Transient(f"a newer version of rotator has written rollout {newer[0].id}, and goes on with it")
    return known


def _apart(connection: Connection, rows: Sequence[Row[Any]]) -> tuple[list[RolloutRow], list[Row[Any]]]:
    """Rollouts, each with its members in the order in which they joined; and rows that cannot be read."""
    members = defaultdict[str, list[str]](list)
    if rows:
        for joined, member in connection.execute(_MEMBERS, {"ids": [row.id for row in rows]}):
            members[joined].append(member)
    return apart(rows, lambda row: RolloutRow.model_validate({**row._asdict(), "members": members[row.id]}))
