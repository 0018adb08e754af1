"""Which journal this is, how far it has come, and what time it is there."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Connection, select, update

from rotator.journal.database import Database, Section
from rotator.journal.tables import meta

_INSTALLATION: Final = select(meta.c.installation)
_GENERATION: Final = select(meta.c.generation)
RAISED: Final = update(meta).values(generation=meta.c.generation + 1)


def found(db: Database) -> None:
    """Gives a new journal its id; an old one keeps its own, and opening it then needs no lock for writing."""
    with db.reading() as connection:
        if connection.execute(_INSTALLATION).scalar_one_or_none() is not None:
            return
    installation = {"id": 1, "installation": db.new_id(), "generation": 0}
    with db.writing() as connection:
        connection.execute(db.insert(meta).on_conflict_do_nothing(index_elements=[meta.c.id]), installation)


def raise_generation(connection: Connection) -> None:
    """One more rotation is done."""
    connection.execute(RAISED)


class Identity(Section):
    """The journal's own row and clock."""

    def now(self) -> datetime:
        """The journal's clock in UTC."""
        return self._db.clock()

    def installation(self) -> str:
        """The id of this installation, made with the journal."""
        with self._db.reading() as connection:
            return str(connection.execute(_INSTALLATION).scalar_one())

    def generation(self) -> int:
        """How many rotations this journal has brought to `done`."""
        with self._db.reading() as connection:
            return int(connection.execute(_GENERATION).scalar_one())
