"""Idle workers take turns to look; whoever finds something wakes the next."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from rotator.daemon.lookout import Lookout

LONG = 30.0


def test_one_of_all_that_sleep_looks_when_its_time_has_come() -> None:
    lookout, looks = Lookout(), threading.Semaphore(0)

    def sleep() -> None:
        lookout.wait(0.01)
        looks.release()
        lookout.wait(LONG)

    with ThreadPoolExecutor(4) as pool:
        sleeping = [pool.submit(sleep) for _ in range(4)]
        assert looks.acquire(timeout=LONG)
        lookout.end()
        for one in sleeping:
            one.result(timeout=LONG)


def test_whoever_finds_something_wakes_the_next_and_so_all_are_awake_at_once() -> None:
    lookout, awake = Lookout(), []

    def work(number: int) -> None:
        lookout.wait(LONG)
        awake.append(number)
        lookout.wake()

    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        working = [pool.submit(work, number) for number in range(8)]
        lookout.wake()
        for one in working:
            one.result(timeout=LONG)
    assert sorted(awake) == list(range(8))
    assert time.monotonic() - began < LONG / 2


def test_who_is_woken_while_nobody_sleeps_looks_before_sleeping() -> None:
    lookout = Lookout()
    lookout.wake()
    began = time.monotonic()
    lookout.wait(LONG)
    assert time.monotonic() - began < LONG / 2


def test_after_something_was_found_looks_come_quicker_for_a_while() -> None:
    """What is on its way falls due soon: a rollout that lingers, or that is looked at again."""
    lookout, slept = Lookout(), list[float | None]()

    class Asleep(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            slept.append(timeout)
            return super().wait(0)

    lookout._wake = Asleep()
    lookout.wait(8)
    lookout.wake()
    for _ in range(22):
        lookout.wait(8)
    assert slept == [8, *[2] * 21, 8]


def test_at_the_end_nobody_sleeps() -> None:
    lookout = Lookout()
    lookout.end()
    began = time.monotonic()
    for _ in range(3):
        lookout.wait(LONG)
    assert time.monotonic() - began < LONG / 2
