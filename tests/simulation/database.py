"""The journal as the simulation holds it: the real schema in memory, which it can look into, copy and put back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

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


def _remembered(look: Callable[..., Any]) -> Callable[..., Any]:
    """The same look, asked of the database once for as long as nothing is written: the answer would be the same."""

    def remembered(self: SimDatabase, *about: Any, **which: Any) -> Any:
        answers = self._answers_of_now()
        key = (look.__name__, *about, *which.items())
        if key not in answers:
            answers[key] = look(self, *about, **which)
        return answers[key]

    return remembered


class SimDatabase(MemoryJournal):
    """One for all runs of a process: making the tables anew would take longer than a run."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._asked_after, self._answers = -1, dict[tuple[Any, ...], Any]()

    rotation = _remembered(MemoryJournal.rotation)
    rotations = _remembered(MemoryJournal.rotations)
    histories = _remembered(MemoryJournal.histories)
    requests = _remembered(MemoryJournal.requests)
    observed = _remembered(MemoryJournal.observed)
    surveyed = _remembered(MemoryJournal.surveyed)
    pauses = _remembered(MemoryJournal.pauses)
    alerts = _remembered(MemoryJournal.alerts)
    generation = _remembered(MemoryJournal.generation)

    def _answers_of_now(self) -> dict[tuple[Any, ...], Any]:
        assert self._db._only is not None
        changes = driver(self._db._only).total_changes
        if changes != self._asked_after:
            self._asked_after = changes
            self._answers.clear()
        return self._answers

    def restore(self, snapshot: bytes) -> None:
        """What was asked before is not so any more."""
        super().restore(snapshot)
        self._asked_after = -1

    @_remembered
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
