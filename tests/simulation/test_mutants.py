"""Every rule of the step contract, dropped in turn, is found: a simulation that notices nothing proves nothing.

Each is seen by its witness, a seed that `make mutants` found among the first 20,000.
"""

from __future__ import annotations

import pytest

from tests.simulation.mutants import MUTANTS
from tests.simulation.witnesses import witnessed

pytestmark = pytest.mark.slow  # together ten seconds; `make check` has the few runs of test_simulation.py


@pytest.mark.parametrize("name", MUTANTS)
def test_a_dropped_rule_is_found(name: str) -> None:
    mutated, sound = witnessed(name)
    assert mutated.violation, "`make mutants` looks for another witness"
    assert not sound.violation


def test_every_rule_of_the_step_contract_has_a_mutant() -> None:
    assert {name[0] for name in MUTANTS if name[0].isdigit()} == set("12345678")
