"""Every rule of the step contract, dropped in turn, is found: a simulation that notices nothing proves nothing.

Each is seen by its witness, a seed that `make mutants` found among the first 20,000.
"""

from __future__ import annotations

import pytest

from tests.simulation.mutants import ALL, MUTANTS
from tests.simulation.witnesses import WITHOUT, WITNESSES, witnessed


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTANTS)
def test_a_dropped_rule_is_found(name: str) -> None:
    mutated, sound = witnessed(name)
    assert mutated.violation, "`make mutants` looks for another witness"
    assert not sound.violation


def test_every_rule_of_the_step_contract_has_a_mutant_with_a_witness_and_an_old_bug_without_one_says_why() -> (
    None
):
    assert {name[0] for name in MUTANTS if name[0].isdigit()} == set("12345678")
    assert MUTANTS.keys() <= WITNESSES.keys()
    assert WITNESSES.keys() | WITHOUT.keys() == ALL.keys(), "no witness of what is no mutant any more"
