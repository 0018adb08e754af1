"""Bugs that the simulation has found in the engine: each, put back, is found again by a world that shows it."""

from __future__ import annotations

import pytest

from tests.simulation.mutants import BUGS
from tests.simulation.witnesses import WITHOUT, WITNESSES, witnessed


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in BUGS if name not in WITHOUT])
def test_a_bug_that_was_found_once_is_found_again(name: str) -> None:
    mutated, sound = witnessed(name)
    assert mutated.violation, "`make mutants` looks for another witness"
    assert not sound.violation


def test_every_bug_has_a_witness_or_says_why_not() -> None:
    assert BUGS.keys() <= WITNESSES.keys() | WITHOUT.keys()
    assert not WITNESSES.keys() & WITHOUT.keys()
    assert all(reason.strip() for reason in WITHOUT.values())
