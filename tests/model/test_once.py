"""What is computed once for each object."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from rotator.model.once import once


class Counted:
    def __init__(self) -> None:
        self.times = 0

    @once
    def answer(self) -> int:
        """How often it was computed."""
        self.times += 1
        return self.times

    @once
    def trouble(self) -> int:
        self.times += 1
        raise ConnectionError


def test_it_is_computed_when_it_is_first_asked_for_and_kept() -> None:
    one = Counted()
    assert one.times == 0
    assert (one.answer, one.answer, one.times) == (1, 1, 1)
    assert Counted.answer.__doc__ == "How often it was computed."


def test_what_it_raised_is_not_kept() -> None:
    one = Counted()
    for _ in range(2):
        with pytest.raises(ConnectionError):
            _ = one.trouble
    assert one.times == 2


def test_two_objects_do_not_wait_for_each_other() -> None:
    together = threading.Barrier(2)

    class Slow:
        @once
        def asked(self) -> int:
            return together.wait(timeout=60)

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(lambda one: one.asked, [Slow(), Slow()])) == [0, 1]
