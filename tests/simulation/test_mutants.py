"""Every rule of the step contract, dropped in turn, is found: a simulation that notices nothing proves nothing."""

from __future__ import annotations

import pytest

from tests.simulation.mutants import MUTANTS
from tests.simulation.run import simulate

_WITHIN = 20_000


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", MUTANTS)
def test_a_dropped_rule_is_found(name: str) -> None:
    with MUTANTS[name]():
        for seed in range(_WITHIN):
            broken = simulate(seed).violation
            if broken:
                print(f"{name}: found by seed {seed}: {broken.splitlines()[0]}")
                return
    pytest.fail(f"nobody noticed in {_WITHIN} runs: {name}")
