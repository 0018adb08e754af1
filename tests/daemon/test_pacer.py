"""The pacer waits for slots that are near, and takes none that it does not use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest

from rotator.contracts.guard import claimed
from rotator.daemon.pacer import JournalPacer
from rotator.journal import open_memory_journal
from rotator.model.errors import LostClaim, NotYet
from rotator.testing.virtual_clock import VirtualClock

MINUTE = timedelta(minutes=1)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def pacer(clock: VirtualClock) -> Iterator[JournalPacer]:
    with closing(open_memory_journal(now=clock.now)) as journal:
        yield JournalPacer(journal, clock)


def test_it_waits_for_a_slot_that_is_near(pacer: JournalPacer, clock: VirtualClock) -> None:
    began = clock.now()
    for _ in range(4):
        pacer.pace("ssm", per_second=0.1)
    assert clock.now() == began + timedelta(seconds=30)


def test_a_call_that_is_put_off_costs_the_account_nothing(pacer: JournalPacer, clock: VirtualClock) -> None:
    free_again = clock.now() + MINUTE
    pacer.back_off("ssm", MINUTE)
    for _ in range(9):
        with pytest.raises(NotYet, match="ssm is busy") as busy:
            pacer.pace("ssm", per_second=0.1)
        assert busy.value.until == free_again
    clock.pass_by(MINUTE)
    pacer.pace("ssm", per_second=0.1)
    assert clock.now() == free_again


def test_it_stops_waiting_when_the_claim_ends(pacer: JournalPacer) -> None:
    def lost(_seconds: float) -> None:
        raise LostClaim("gone")

    pacer.pace("ssm", per_second=0.1)
    with claimed(lost), pytest.raises(LostClaim):
        pacer.pace("ssm", per_second=0.1)
