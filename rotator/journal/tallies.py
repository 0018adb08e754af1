"""Counting what was told, over all rotations: the database counts, and only sums come back."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Double, Select, case, func, or_, select, type_coerce

from rotator.journal.database import Section
from rotator.journal.tables import event
from rotator.journal.words import among
from rotator.model.rotation import Phase, State
from rotator.model.tallies import DURATIONS, Durations, Tallies

_KNOWN: Final = frozenset(phase.value for phase in Phase)  # a newer version may know more
_TOLD: Final = (
    select(event.c.phase, event.c.kind, func.count().label("times"))
    .where(among(event.c.phase, Phase))
    .group_by(event.c.phase, event.c.kind)
)


def _durations() -> Select[Any]:
    """A stay is a run of events of one phase; it began with the event before it, and ended with its last one."""
    story: dict[str, Any] = {"partition_by": event.c.rotation, "order_by": event.c.sequence}
    at, phase = type_coerce(event.c.at, Double), event.c.phase
    ended = event.c.kind.in_([State.DONE.value, State.UNDONE.value])
    steps = select(
        event.c.rotation,
        event.c.sequence,
        phase,
        (at - func.coalesce(func.lag(at).over(**story), at)).label("took"),
        case((func.lag(phase).over(**story) == phase, 0), else_=1).label("entered"),
        case((or_(func.lead(phase).over(**story) != phase, ended), 1), else_=0).label("left"),
    ).subquery()
    entered = func.sum(steps.c.entered).over(partition_by=steps.c.rotation, order_by=steps.c.sequence)
    numbered = select(steps, entered.label("stay")).subquery()
    stays = (
        select(numbered.c.phase, func.sum(numbered.c.took).label("took"))
        .group_by(numbered.c.rotation, numbered.c.stay, numbered.c.phase)
        .having(func.max(numbered.c.left) == 1)
        .subquery()
    )
    within = [func.sum(case((stays.c.took <= bound.total_seconds(), 1), else_=0)) for bound in DURATIONS]
    return (
        select(stays.c.phase, func.count(), func.sum(stays.c.took), *within)
        .group_by(stays.c.phase)
        .order_by(stays.c.phase)
    )


_DURATIONS: Final = _durations()


class Counts(Section):
    """Figures of the whole journal."""

    def tallies(self) -> Tallies:
        """How often each step was tried, how that went, and how long steps took."""
        with self._db.reading() as connection:
            told = {(Phase(row.phase), row.kind): row.times for row in connection.execute(_TOLD)}
            stays = connection.execute(_DURATIONS).all()
        durations = [
            Durations(Phase(phase), times, seconds, tuple(within))
            for phase, times, seconds, *within in stays
            if phase in _KNOWN
        ]
        return Tallies(told, durations)
