"""Claims of dead daemons on PostgreSQL: most of them end at once, as if their time were over; some are waited out.

A claim is twenty seconds long, the rest of an accident five. That nobody takes what a dead owner still holds is seen
after those that are waited out, and after every freeze. (On SQLite the next daemon knows that nobody else lives.)
"""

from __future__ import annotations

from rotator.journal import SqlJournal
from rotator.journal.claims import run_out
from rotator.journal.tables import rollout, rotation

#: One death among so many, drawn by the seed.
WAITED_OUT = 10


def let_run_out(journal: SqlJournal) -> None:
    """Ends every claim; while no daemon lives."""
    database = journal._db
    with database.writing() as connection:
        for table in (rotation, rollout):
            connection.execute(run_out(database, table))
