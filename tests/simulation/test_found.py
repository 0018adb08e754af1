"""Bugs that the simulation has found in the engine: each, put back, is found again by a world that shows it."""

from __future__ import annotations

import pytest

from tests.simulation.mutants import BUGS
from tests.simulation.witnesses import WITNESSES, witnessed

pytestmark = pytest.mark.slow  # together ten seconds; `make check` has the few runs of test_simulation.py


@pytest.mark.parametrize("name", sorted(BUGS.keys() & WITNESSES.keys()))
def test_a_bug_that_was_found_once_is_found_again(name: str) -> None:
    mutated, sound = witnessed(name)
    assert mutated.violation, "`make mutants` looks for another witness"
    assert not sound.violation
