"""A few of the simulation's runs with every check, and what it says of itself; `make simulate` plays thousands."""

from __future__ import annotations

import base64

import pytest

from tests.simulation.run import simulate
from tests.simulation.world import MARK, leaks


@pytest.mark.parametrize("seed", range(12))
def test_the_promises_hold(seed: int) -> None:
    outcome = simulate(seed)
    assert not outcome.violation, "\n".join([outcome.violation, *outcome.story])


@pytest.mark.slow
def test_a_seed_plays_the_same_again() -> None:
    first, second = simulate(3), simulate(3)
    assert (first.ios, first.faults, first.done) == (second.ios, second.faults, second.done)


def test_without_its_faults_a_run_is_calm() -> None:
    calm = simulate(3, only=frozenset())
    assert (calm.faults, calm.violation) == ([], "")


@pytest.mark.parametrize("pad", range(3))
def test_a_value_is_seen_in_any_dress(pad: int) -> None:
    value = MARK + "17-value"
    assert leaks(f"so {value} it is")
    assert leaks(value.encode().hex())
    assert leaks(base64.b64encode(b"x" * pad + value.encode()).decode())
    assert not leaks("nothing of the kind")
