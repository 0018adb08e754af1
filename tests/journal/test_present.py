"""The database's time is known without asking it, never ahead of it, and not for long."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from rotator.contracts.journal import Told
from rotator.journal import open_journal
from rotator.journal.journal import SqlJournal
from rotator.journal.present import Present
from rotator.model.rotation import Phase, State
from rotator.testing.journal_contract.rows import claimed, held, opened
from tests.journal.conftest import Pair

NOON = datetime(2026, 6, 10, 12, 0, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


class Watch:
    """A monotonic clock that tests turn."""

    def __init__(self) -> None:
        self.shows = 5000.0

    def __call__(self) -> float:
        return self.shows


@pytest.fixture
def watch() -> Watch:
    return Watch()


def near(one: datetime | None, other: datetime) -> bool:
    return one is not None and abs(one - other) < MILLISECOND


def test_it_goes_on_from_what_the_database_said(watch: Watch) -> None:
    present = Present(watch)
    assert present.now() is None
    assert present.hear(NOON) == NOON
    watch.shows += 0.25
    assert near(present.now(), NOON + timedelta(seconds=0.25))


def test_after_a_second_the_database_has_to_be_asked(watch: Watch) -> None:
    present = Present(watch)
    present.hear(NOON)
    watch.shows += 1.0
    assert present.now() is None


def test_an_answer_that_took_long_does_not_turn_it_back(watch: Watch) -> None:
    present = Present(watch)
    present.hear(NOON)
    watch.shows += 0.5
    present.hear(NOON + timedelta(seconds=0.1))  # it waited 0.4 s for a lock
    assert near(present.now(), NOON + timedelta(seconds=0.5))


def test_a_clock_that_was_set_back_is_believed_within_a_second(watch: Watch) -> None:
    present = Present(watch)
    present.hear(NOON)
    watch.shows += 0.9
    present.hear(NOON - timedelta(hours=1))
    watch.shows += 0.1
    assert present.now() is None
    present.hear(NOON - timedelta(hours=1))
    assert near(present.now(), NOON - timedelta(hours=1))


def test_without_a_clock_of_ours_the_database_is_asked_each_time() -> None:
    present = Present(None)
    present.hear(NOON)
    assert present.now() is None


def statements(journal: SqlJournal) -> list[str]:
    """Each statement that the database gets from now on."""
    heard: list[str] = []

    def listen(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        heard.append(statement)

    event.listen(journal._db.engine, "before_cursor_execute", listen)
    return heard


def test_a_phase_costs_one_statement_on_postgresql(
    replicas: Pair, shared_database: str, watch: Watch
) -> None:
    """Its checkpoint with the event. The time, what holds it back and where its story ends are known by then.

    For as long as a second, which a busy machine may let pass: here the watch stands still.
    """
    opened(replicas[0])
    with closing(open_journal(shared_database, daemon=True, monotonic=watch)) as journal:
        row = claimed(journal)
        journal.holds()
        heard = statements(journal)
        for phase in (Phase.TIDY, Phase.CREATE, Phase.VERIFY):
            journal.holds()
            journal.now()
            changed = row.model_copy(update={"phase": phase})
            row = journal.checkpoint(row, changed, Told("advanced", "on"), release=False)
        done = row.model_copy(update={"state": State.DONE})
        journal.checkpoint(row, done, Told("done", "over"), release=True)
        assert len(heard) == 4
        assert journal.generation() == 1
        assert len(journal.events(row.id)) == 5
        assert not journal.verify_chain(row.id)


def test_what_somebody_told_meanwhile_is_linked_too(replicas: Pair) -> None:
    journal, other = replicas
    row = held(journal)
    row = journal.checkpoint(row, row, Told("noted", "one"), release=False)
    other.escalate(row.id, Told("emergency", "it leaked"))
    row = journal.checkpoint(row, row, Told("noted", "two"), release=False)
    journal.checkpoint(row, row, Told("noted", "three"), release=True)
    assert [line.sentence for line in journal.events(row.id)][1:] == ["one", "it leaked", "two", "three"]
    assert not journal.verify_chain(row.id)
