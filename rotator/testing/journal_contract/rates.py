"""All replicas together call an account no faster than its rate."""

# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from rotator.contracts.journal import Journal
from rotator.model.errors import NotYet
from rotator.testing.journal_contract.rows import HOUR, MINUTE, at_once

#: What a double, and SQLite's clock of milliseconds, may be off by.
BLUR = timedelta(milliseconds=2)
PATIENT = timedelta(days=1)  # waits for any slot


def slot(journal: Journal, account: str, per_second: float, burst: int = 1) -> datetime:
    """When the reserved call may be made, at the latest."""
    wait = journal.reserve(account, per_second, burst, PATIENT)
    return journal.now() + wait


class RatesContract:
    """GCRA."""

    def test_a_free_account_is_called_at_once(self, journal: Journal) -> None:
        assert journal.reserve("stripe", 1, 1, PATIENT) == timedelta()
        assert journal.reserve("twilio", 1, 1, PATIENT) == timedelta()

    def test_a_burst_may_come_at_once_then_one_each_interval(self, journal: Journal) -> None:
        began = journal.now()
        waits = [journal.reserve("ssm", 1 / 60, 3, PATIENT) for _ in range(5)]
        passed = journal.now() - began
        assert waits[:3] == [timedelta()] * 3
        for wait, ideal in zip(waits[3:], (MINUTE, 2 * MINUTE), strict=True):
            assert ideal - passed - BLUR <= wait <= ideal + BLUR

    def test_nobody_calls_a_held_account_before_its_time(self, journal: Journal, other: Journal) -> None:
        until = journal.now() + HOUR
        journal.reserve("ssm", 1, 2, PATIENT)
        journal.hold_account("ssm", until)
        journal.hold_account("ssm", until - MINUTE)
        journal.hold_account("new", until)
        for account in ("ssm", "new"):
            assert slot(other, account, 1, burst=2) >= until - BLUR

    def test_until_when_an_account_is_held_can_be_asked(self, journal: Journal, other: Journal) -> None:
        journal.reserve("ssm", 1, 1, PATIENT)
        assert (journal.held_until("ssm"), journal.held_until("nobody")) == (None, None)
        for until in (journal.now() - HOUR, journal.now() + HOUR):
            journal.hold_account("ssm", until)
            kept = other.held_until("ssm")
            assert kept is not None
            assert abs(kept - until) <= BLUR

    def test_after_a_hold_the_rate_goes_on(self, journal: Journal) -> None:
        until = journal.now() + HOUR
        journal.hold_account("ssm", until)
        for place, moment in enumerate([slot(journal, "ssm", 1) for _ in range(3)]):
            assert moment >= until + timedelta(seconds=place) - BLUR

    def test_a_slot_further_away_than_the_longest_wait_raises_not_yet_and_is_not_taken(
        self, journal: Journal, other: Journal
    ) -> None:
        began = journal.now()
        journal.reserve("ssm", 1 / 60, 1, PATIENT)
        ends = []
        for impatient in (journal, other, journal):
            with pytest.raises(NotYet) as busy:
                impatient.reserve("ssm", 1 / 60, 1, MINUTE / 2)
            ends.append(busy.value.until)
        ends.append(slot(journal, "ssm", 1 / 60))
        passed = journal.now() - began
        for moment in ends:
            assert began + MINUTE - BLUR <= moment <= began + MINUTE + passed + BLUR

    def test_nothing_is_taken_of_a_held_account_whose_time_is_too_far_away(self, journal: Journal) -> None:
        until = journal.now() + HOUR
        journal.hold_account("ssm", until)
        for _ in range(3):
            with pytest.raises(NotYet) as busy:
                journal.reserve("ssm", 1 / 60, 1, MINUTE)
            assert until - BLUR <= busy.value.until <= until + BLUR
        before = journal.now()
        assert slot(journal, "ssm", 1 / 60) <= until + BLUR + (journal.now() - before)

    @pytest.mark.parametrize("burst", [1, 5])
    def test_eight_threads_together_never_exceed_the_rate(
        self, journal: Journal, other: Journal, burst: int
    ) -> None:
        handles, began = (journal, other), journal.now()

        def reserve_some(number: int) -> list[datetime]:
            return [slot(handles[number % 2], "ssm", 1 / 60, burst) for _ in range(8)]

        slots = sorted(moment for some in at_once(reserve_some) for moment in some)
        passed = journal.now() - began  # a slot may seem that much later than it is
        for place, moment in enumerate(slots):
            ideal = began + max(0, place - burst + 1) * MINUTE
            assert ideal - BLUR <= moment <= ideal + passed + BLUR
