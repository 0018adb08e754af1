"""Who is silent for too long, by each part's own bound."""

from __future__ import annotations

from datetime import timedelta

from rotator.testing.virtual_clock import VirtualClock
from rotator.web.pulse import SCHEDULER, SCHEDULER_MOVES_WITHIN, WORKER_MOVES_WITHIN, Pulse


def test_a_scheduler_that_never_turns_is_silent_after_a_minute() -> None:
    clock = VirtualClock()
    pulse = Pulse(clock)
    clock.sleep(60)
    assert pulse.silent() == []
    clock.sleep(1)
    assert pulse.silent() == [SCHEDULER]
    pulse.beat(SCHEDULER, SCHEDULER_MOVES_WITHIN)
    assert pulse.silent() == []


def test_a_worker_that_hangs_is_silent_whatever_the_others_do() -> None:
    clock = VirtualClock()
    pulse = Pulse(clock)
    pulse.beat("worker-1", WORKER_MOVES_WITHIN)
    for _ in range(11):
        clock.pass_by(timedelta(minutes=1))
        pulse.beat(SCHEDULER, SCHEDULER_MOVES_WITHIN)
        pulse.beat("worker-2", WORKER_MOVES_WITHIN)
    assert pulse.silent() == ["worker-1"]
