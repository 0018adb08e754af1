"""The journal as the simulation holds it: the real schema in memory, which it can look into, copy and put back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from rotator.contracts.journal import Told
from rotator.journal.database import Database, driver
from rotator.journal.identity import found
from rotator.journal.journal import MemoryJournal
from rotator.journal.sqlite import memory_engine
from rotator.journal.tables import metadata

_DUE = """
SELECT min(run_at) FROM (
    SELECT run_at FROM rotation WHERE state = 'active' UNION ALL
    SELECT run_at FROM rollout WHERE state IN ('open', 'closed'))
"""


class SimDatabase(MemoryJournal):
    """One for all runs of a process: making the tables anew would take longer than a run."""

    def next_due(self) -> datetime | None:
        """When a worker next has something to claim."""
        assert self._db._only is not None
        found = driver(self._db._only).execute(_DUE).fetchone()
        return datetime.fromtimestamp(found[0], UTC) if found[0] is not None else None

    def text(self) -> str:
        """All that it keeps, freed pages included."""
        return self.snapshot().decode("latin-1")

    def tale(self, rotation_id: str) -> Sequence[Told]:
        """What happened to a rotation."""
        return [Told(event.kind, event.sentence) for event in self.events(rotation_id)]

    def lose(self, installation: str) -> None:
        """Another journal, which knows nothing."""
        self.reset()
        assert self._db._only is not None
        driver(self._db._only).execute("UPDATE meta SET installation = ?", (installation,))


_now: list[Callable[[], datetime]] = []
_ids: list[Callable[[], str]] = [lambda: "none"]
_kept: list[SimDatabase] = []


def _present() -> datetime:
    """By the clock of the run that is being played."""
    return _now[0]()


def _fresh() -> str:
    """An id from the run that is being played."""
    return _ids[0]()


def open_database(now: Callable[[], datetime], new_id: Callable[[], str]) -> SimDatabase:
    """An empty journal on that clock."""
    _now[:], _ids[:] = [now], [new_id]
    if not _kept:
        database = Database(memory_engine(), _present, _fresh)
        metadata.create_all(database.engine)
        found(database)
        _kept.append(SimDatabase(database))
    _kept[0].lose("installation-0")
    return _kept[0]
