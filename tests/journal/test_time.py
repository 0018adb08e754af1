"""Virtual time, on every database: what the simulation does, and GCRA to the second."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest

from rotator.journal import SqlJournal, open_journal, open_memory_journal
from rotator.model.errors import NotYet
from rotator.model.rotation import Phase
from rotator.testing.journal_contract.rows import MINUTE, a_rotation, claimed, held, opened, opens
from rotator.testing.virtual_clock import VirtualClock

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture(params=["memory", "file", "postgresql"])
def journal(request: pytest.FixtureRequest, clock: VirtualClock) -> Iterator[SqlJournal]:
    if request.param == "memory":
        opened: SqlJournal = open_memory_journal(now=clock.now)
    elif request.param == "file":
        opened = open_journal(request.getfixturevalue("sqlite_url"), daemon=True, now=clock.now)
    else:
        request.getfixturevalue("replicas")  # has emptied it
        opened = open_journal(request.getfixturevalue("shared_database"), daemon=True, now=clock.now)
    with closing(opened) as journal:
        yield journal


def test_it_is_as_late_as_the_clock_says(journal: SqlJournal, clock: VirtualClock) -> None:
    assert journal.now() == clock.now()
    row = opened(journal)
    clock.pass_by(timedelta(microseconds=1))
    journal.wake(row.id)
    assert journal.now() == clock.now()
    assert journal.events(row.id)[0].at == clock.now() - timedelta(microseconds=1)


def test_a_row_is_due_from_its_very_moment_on(journal: SqlJournal, clock: VirtualClock) -> None:
    opens(journal, a_rotation(journal, run_at=clock.now() + SECOND))
    clock.pass_by(SECOND - timedelta(microseconds=1))
    assert journal.claim_rotations("one", 1, Phase, MINUTE) == []
    clock.pass_by(timedelta(microseconds=1))
    claimed(journal)


def test_a_claim_ends_at_its_very_moment(journal: SqlJournal, clock: VirtualClock) -> None:
    row = held(journal)
    clock.pass_by(MINUTE - timedelta(microseconds=1))
    assert journal.claim_rotations("two", 1, Phase, MINUTE) == []
    assert journal.renew("one", [row.id], [], SECOND) == {row.id}
    clock.pass_by(SECOND)
    assert journal.renew("one", [row.id], [], MINUTE) == set()
    assert claimed(journal, owner="two").claim_lost_at == clock.now()


def test_times_come_back_to_the_microsecond(journal: SqlJournal, clock: VirtualClock) -> None:
    for microseconds in (1, 333_333, 499_999, 999_999):
        clock.pass_by(timedelta(days=3650, microseconds=microseconds))
        row = opened(journal)
        assert journal.rotation(row.id) == row


def test_gcra_to_the_second(journal: SqlJournal, clock: VirtualClock) -> None:
    def waits(count: int) -> list[float]:
        return [round(journal.reserve("ssm", 0.5, 3, DAY).total_seconds(), 5) for _ in range(count)]

    assert waits(5) == [0, 0, 0, 2, 4]
    clock.pass_by(4 * SECOND)
    assert waits(1) == [2]
    clock.pass_by(timedelta(hours=1))
    assert waits(4) == [0, 0, 0, 2]
    assert journal.reserve("stripe", 0.5, 3, DAY) == timedelta()


def test_gcra_after_a_hold(journal: SqlJournal, clock: VirtualClock) -> None:
    def waits(count: int) -> list[float]:
        return [round(journal.reserve("ssm", 1, 2, DAY).total_seconds(), 5) for _ in range(count)]

    journal.hold_account("ssm", clock.now() + 10 * SECOND)
    assert waits(3) == [10, 10, 11]
    clock.pass_by(10 * SECOND)
    assert waits(1) == [2]
    journal.hold_account("ssm", clock.now() - SECOND)
    assert waits(1) == [3]


def test_gcra_takes_a_slot_that_is_just_near_enough(journal: SqlJournal, clock: VirtualClock) -> None:
    journal.reserve("ssm", 0.1, 1, SECOND)
    with pytest.raises(NotYet) as busy:
        journal.reserve("ssm", 0.1, 1, 9 * SECOND)
    assert busy.value.until == clock.now() + 10 * SECOND
    assert journal.reserve("ssm", 0.1, 1, 10 * SECOND) == 10 * SECOND
    assert journal.reserve("ssm", 0.1, 1, 20 * SECOND) == 20 * SECOND


def test_a_rate_may_change(journal: SqlJournal) -> None:
    assert journal.reserve("ssm", 1, 1, DAY) == timedelta()
    assert round(journal.reserve("ssm", 0.1, 1, DAY).total_seconds(), 5) == 1
    assert round(journal.reserve("ssm", 10, 1, DAY).total_seconds(), 5) == 11
