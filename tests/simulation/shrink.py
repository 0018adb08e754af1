"""Makes a failing run small: drops fault after fault as long as the same promise still breaks."""

from __future__ import annotations

from time import perf_counter

from tests.simulation.run import Outcome, simulate


def shrunk(outcome: Outcome, seconds: float = 60.0) -> list[str]:
    """The names of few faults that still break the promise; halves first, then one by one, within a time budget."""
    began, needed = perf_counter(), list(outcome.faults)
    size = max(1, len(needed) // 2)
    while size and perf_counter() - began < seconds:
        dropped_any = False
        for start in range(0, len(needed), size):
            fewer = needed[:start] + needed[start + size :]
            if perf_counter() - began > seconds:
                break
            again = simulate(outcome.seed, frozenset(fewer))
            if again.promise == outcome.promise:
                needed, dropped_any = [name for name in again.faults if name in fewer], True
                break
        if not dropped_any:
            size = size // 2 if size > 1 else 0
    return needed
