"""What holds rotations back: pauses, and environments that are not ours or that nobody has looked at twice.

Every effect asks for it just before it begins, so it is remembered. A claim and a checkpoint bring a stamp along that
each pause and each scan raises, and what was read counts while nobody here has seen a later one. So a phase knows what
was so when its worker last wrote, at the price of no look at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Connection, select, update

from rotator.contracts.journal import Holds
from rotator.journal.columns import UNREADABLE
from rotator.journal.database import Database, Section
from rotator.journal.tables import environment, meta, pause
from rotator.model.observations import Pause, Surveyed

_STAMP: Final = select(meta.c.holds)
#: For the statements that a worker makes anyway.
STAMP: Final = _STAMP.scalar_subquery().label("stamp")
_RAISED: Final = update(meta).values(holds=meta.c.holds + 1)
_SURVEYED: Final = select(environment.c.environment, environment.c.surveyed)
_PAUSES: Final = select(pause).order_by(pause.c.secret)


class HeldBack(Section):
    """What rotations are held back by."""

    def holds(self) -> Holds:
        """What holds rotations back, as of this process's last claim or checkpoint, or later."""
        kept: Holds | None = self._db.holds.kept()
        if kept is not None:
            return kept
        with self._db.snapshot() as connection:
            stamp, at = connection.execute(_STAMP.add_columns(self._db.now)).one()
            holds = Holds(surveys_in(connection), pauses_in(connection))
        self._db.holds.see(at, stamp)
        self._db.holds.keep(stamp, holds)
        return holds


def surveys_in(connection: Connection) -> Mapping[str, Surveyed]:
    """The last scan of every environment."""
    rows = connection.execute(_SURVEYED)
    return {row.environment: row.surveyed for row in rows if row.surveyed is not UNREADABLE}


def pauses_in(connection: Connection) -> Mapping[str, Pause]:
    """Pauses by secret."""
    return {row.secret: Pause.model_validate(row._asdict()) for row in connection.execute(_PAUSES)}


@contextmanager
def writing_holds(db: Database) -> Iterator[Connection]:
    """One transaction that changes what holds rotations back: everybody is told by the stamp."""
    with db.writing() as connection:
        yield connection
        connection.execute(_RAISED)
    db.holds.forget()
