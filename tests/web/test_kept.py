"""Figures are found once for all who ask within a while, and rarely when finding them takes long."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from rotator.model.errors import JournalAway
from rotator.testing.virtual_clock import VirtualClock
from rotator.web.kept import FoundAside, Kept

A_WHILE = timedelta(seconds=5)


def test_found_again_after_a_while() -> None:
    clock, numbers = VirtualClock(), iter(range(9))
    kept = Kept(lambda: next(numbers), clock, A_WHILE)
    assert [kept.get(), kept.get()] == [0, 0]
    clock.sleep(4.9)
    assert kept.get() == 0
    clock.sleep(0.1)
    assert kept.get() == 1


def test_what_takes_long_is_found_rarely() -> None:
    clock, numbers = VirtualClock(), iter(range(9))

    def find() -> int:
        clock.sleep(2)
        return next(numbers)

    kept = Kept(find, clock, A_WHILE)
    kept.get()
    clock.sleep(399)
    assert kept.get() == 0
    clock.sleep(1)
    assert kept.get() == 1


def test_trouble_is_not_kept() -> None:
    answers = iter([JournalAway("gone"), None])

    def find() -> str:
        if trouble := next(answers):
            raise trouble
        return "back"

    kept = Kept(find, VirtualClock(), A_WHILE)
    with pytest.raises(JournalAway):
        kept.get()
    assert kept.get() == "back"


def test_who_asks_at_the_same_time_shares_what_is_found() -> None:
    numbers, all_ask = iter(range(9)), threading.Barrier(4)
    kept = Kept(lambda: next(numbers), VirtualClock(), A_WHILE)

    def ask(_number: int) -> int:
        all_ask.wait(timeout=30)
        return kept.get()

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(ask, range(4))) == {0}


def test_aside_nobody_waits() -> None:
    may_end, ended, looks = threading.Event(), threading.Event(), []

    def find() -> str:
        looks.append(threading.current_thread().name)
        may_end.wait(timeout=30)
        ended.set()
        return "whole"

    aside = FoundAside(find, VirtualClock(), A_WHILE, moment=0)
    assert [aside.get(), aside.get()] == [None, None]
    may_end.set()
    assert ended.wait(timeout=30)
    found = aside.get()
    while found is None:  # it was found, and is about to be written down
        found = aside.get()
    assert (found, looks) == ("whole", ["figures"])


def test_aside_what_takes_a_moment_is_waited_for() -> None:
    assert FoundAside(lambda: "whole", VirtualClock(), A_WHILE, moment=30).get() == "whole"


def test_aside_nothing_is_told_of_a_journal_that_is_away() -> None:
    clock, looks = VirtualClock(), iter(["whole"])

    def find() -> str:
        for answer in looks:
            return answer
        raise JournalAway("gone")

    aside = FoundAside(find, clock, A_WHILE, moment=30)
    assert aside.get() == "whole"
    clock.pass_by(A_WHILE)
    assert aside.get() is None
