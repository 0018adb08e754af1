"""rotator with one rule dropped: chaos that does not notice proves nothing.

Applied in the daemon's process before the journal's statements are made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta

from sqlalchemy import Table, and_, bindparam, or_
from sqlalchemy.sql.elements import ColumnElement

from rotator.engine.phases import invalidate, source, undo
from rotator.engine.worker import Worker
from rotator.journal import claims
from rotator.model.rotation import Phase, Rotation


def no_fence() -> None:
    """A row is anybody's after a moment, whoever ever held it may write it, and nobody looks before an effect."""

    def held(table: Table) -> ColumnElement[bool]:
        key = next(iter(table.primary_key))
        ever = or_(table.c.fence >= bindparam("known_fence"), table.c.owner == bindparam("known_owner"))
        return and_(key == bindparam("key"), ever)

    def check(_worker: Worker, _row_id: str, _seconds: float) -> None:
        """Says yes."""

    claims.held = held
    Worker._check = check  # type: ignore[method-assign,assignment]  # the rule is dropped here

    from rotator.journal import SqlJournal

    claiming = SqlJournal.claim_rotations

    def claim_rotations(
        journal: SqlJournal, owner: str, limit: int, phases: Iterable[Phase], _lease: timedelta
    ) -> Sequence[Rotation]:
        return claiming(journal, owner, limit, phases, timedelta(seconds=0.2))

    SqlJournal.claim_rotations = claim_rotations  # type: ignore[method-assign,assignment]  # and here


def no_settling() -> None:
    """Nothing waits for what a lost claim may still land."""
    for module in (invalidate, undo):
        module.unsettled = lambda _step: None  # type: ignore[attr-defined]  # the rule is dropped in both


def no_sweep() -> None:
    """Nobody looks for what was made by a mint whose answer was lost, or that came late."""
    for module in (invalidate, undo):
        module.sweep = lambda _step: None  # type: ignore[attr-defined]  # the rule is dropped in both
    source._unrecorded = lambda *_: ((), ())


MUTANTS: Mapping[str, Callable[[], None]] = {
    "fence": no_fence,
    "settling": no_settling,
    "sweep": no_sweep,
}
