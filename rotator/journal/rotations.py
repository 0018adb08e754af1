"""Rotations: opened once per principal, claimed, written under their claim, woken by people and rollouts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from typing import Any, Final

from sqlalchemy import Select, Update, bindparam, case, null, select, update
from sqlalchemy.sql.dml import ReturningInsert, ReturningUpdate

from rotator.contracts.journal import Told
from rotator.journal.chain import BEGINNING, End, tell
from rotator.journal.claims import claim, guarded, held, holder, released, woken
from rotator.journal.database import Section, seconds
from rotator.journal.identity import raise_generation
from rotator.journal.lookups import COLUMNS, read_rotation
from rotator.journal.tables import ACTIVE, UNFINISHED, rotation
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
#: What others may have changed under a worker's hands, and the claim itself.
_NEWS: Final = (
    "priority",
    "approved_by",
    "rolled_back_by",
    "run_at",
    "claim_until",
    "owner",
    "fence",
    "claim_lost_at",
)

_THIS: Final = rotation.c.id == bindparam("key")
_PARKED: Final = is_word(rotation.c.state, State.PARKED)
_END: Final = (rotation.c.last_sequence, rotation.c.previous_hash)
_ENDED: Final = update(rotation).where(_THIS)
_CHECKPOINTS: Final = {
    release: guarded(rotation)
    .values(released(rotation) if release else {})
    .returning(*(rotation.c[name] for name in _NEWS))
    for release in (False, True)
}
_EMERGENCIES_FIRST: Final = case((is_word(rotation.c.priority, Priority.EMERGENCY), 0), else_=1)


class Rotations(Section):
    """The rows that workers advance."""

    def open_rotation(self, draft: Rotation, told: Told) -> bool:
        """Adds an active rotation. False when its principal already has an active or parked one."""
        with self._db.writing() as connection:
            row = {**dict(draft), "last_sequence": 0, "previous_hash": BEGINNING}
            opened = connection.execute(self._open_row, row).one_or_none()
            if opened is None:
                return False
            end = tell(connection, draft.id, End(*opened), draft.phase, (told,))
            connection.execute(_ENDED, {"key": draft.id, **_ending(end)})
            return True

    def claim_rotations(
        self, owner: str, limit: int, phases: Iterable[Phase], lease: timedelta
    ) -> Sequence[Rotation]:
        """Claims due active rotations whose phase is among `phases`: emergencies first, then by run_at.

        Raises the fence. A claim that ran out without being released leaves `claim_lost_at` on the row.
        """
        claiming = self._claiming(frozenset(phases))
        with self._db.writing() as connection:
            taken = {"claimer": owner, "limit": limit, "lease": seconds(lease)}
            rows = connection.execute(claiming, taken).all()
        return sorted(map(read_rotation, rows), key=lambda row: row.priority is not Priority.EMERGENCY)

    def checkpoint(self, rotation: Rotation, changed: Rotation, *told: Told, release: bool) -> Rotation:
        """Writes `changed` over `rotation` if its fence and owner still stand, with `told` as events, atomically.

        Returns the row as it is now. Raises LostClaim when the claim is no longer ours. Events are told by the phase
        that `rotation` was in.
        """
        claim_held = holder(rotation.id, rotation)
        written = {name: getattr(changed, name) for name in _WRITTEN}
        with self._db.writing() as connection:
            if told:
                end = connection.execute(self._held_end, claim_held).one_or_none()
                if end is None:
                    raise _lost(rotation.id)
                written |= _ending(tell(connection, rotation.id, End(*end), rotation.phase, told))
            due = {"due_at": changed.run_at} if release else {}
            row = connection.execute(_CHECKPOINTS[release], {**claim_held, **written, **due}).one_or_none()
            if row is None:
                raise _lost(rotation.id)
            if changed.state is State.DONE:
                raise_generation(connection)
        return changed.model_copy(update={**row._asdict(), "priority": Priority(row.priority)})

    def wake(self, rotation_id: str) -> None:
        """Makes a waiting rotation due now; one that is claimed is due again as soon as it is released."""
        with self._db.writing() as connection:
            connection.execute(self._wake_rotation, {"key": rotation_id})

    def approve(self, rotation_id: str, told: Told, by: str) -> None:
        """Writes down who gave the yes that a rotation waits for, and wakes it."""
        self._hear(rotation_id, told, {"approved_by": by})

    def escalate(self, rotation_id: str, told: Told) -> None:
        """Makes a rotation an emergency, and wakes it."""
        self._hear(rotation_id, told, {"priority": Priority.EMERGENCY})

    def reopen(self, rotation_id: str, told: Told) -> bool:
        """Makes a parked rotation active and due where it stands. False when it is not parked."""
        return self._reopen(rotation_id, told, {})

    def roll_back(self, rotation_id: str, told: Told, by: str) -> None:
        """Writes down who asked an active or parked rotation to go back, and makes it due."""
        if not self._reopen(rotation_id, told, {"rolled_back_by": by}):
            self._hear(rotation_id, told, {"rolled_back_by": by})

    def _reopen(self, rotation_id: str, told: Told, word: Mapping[str, str]) -> bool:
        with self._db.writing() as connection:
            row = connection.execute(self._parked_end, {"key": rotation_id}).one_or_none()
            if row is None:
                return False
            *end, phase = row
            ending = _ending(tell(connection, rotation_id, End(*end), phase, (told,)))
            connection.execute(
                self._reopen_rotation, {"key": rotation_id, "sentence": told.sentence, **word, **ending}
            )
            return True

    def _hear(self, rotation_id: str, told: Told, word: Mapping[str, str]) -> None:
        """A person's word about an active rotation, whoever holds it."""
        with self._db.writing() as connection:
            row = connection.execute(self._active_end, {"key": rotation_id}).one_or_none()
            if row is not None:
                *end, phase = row
                ending = _ending(tell(connection, rotation_id, End(*end), phase, (told,)))
                connection.execute(self._wake_rotation, {"key": rotation_id, **word, **ending})

    def _claiming(self, phases: frozenset[Phase]) -> ReturningUpdate[Any]:
        if phases not in self._claimings:
            lost = case((rotation.c.owner.is_not(None), self._db.now), else_=rotation.c.claim_lost_at)
            self._claimings[phases] = claim(
                self._db,
                rotation,
                due=(ACTIVE, among(rotation.c.phase, phases)),
                order=(_EMERGENCIES_FIRST, rotation.c.run_at),
                also={rotation.c.claim_lost_at: lost},
            ).returning(*COLUMNS)
        return self._claimings[phases]

    @cached_property
    def _claimings(self) -> dict[frozenset[Phase], ReturningUpdate[Any]]:
        return {}

    @cached_property
    def _open_row(self) -> ReturningInsert[Any]:
        insert = self._db.insert(rotation)
        free = insert.on_conflict_do_nothing(index_elements=[rotation.c.principal], index_where=UNFINISHED)
        return free.returning(*_END, self._db.now)

    @cached_property
    def _held_end(self) -> Select[Any]:
        return select(*_END, self._db.now).where(held(rotation)).with_for_update()

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


def _ending(end: End) -> dict[str, Any]:
    """The columns that know where a chain ends."""
    return {"last_sequence": end.last_sequence, "previous_hash": end.previous_hash}


def _lost(rotation_id: str) -> LostClaim:
    return LostClaim(f"rotation {rotation_id} is not ours any more: its claim ran out or was taken over")
