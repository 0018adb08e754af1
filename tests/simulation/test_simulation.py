"""A few of the simulation's runs with every check, and what it says of itself; `make simulate` plays thousands."""

from __future__ import annotations

import base64

import pytest

from tests.simulation.coverage import CANNOT_HAPPEN, Coverage, expected, never_met
from tests.simulation.faults import Fault
from tests.simulation.gate import possible
from tests.simulation.run import simulate
from tests.simulation.world import MARK, leaks


@pytest.mark.parametrize("seed", range(5))
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


@pytest.mark.parametrize(
    "what, point, looks",
    [
        ("a look", "store.read", True),
        ("an effect that means the same at any time", "mirror.write", False),
        ("the journal", "journal.renew", False),
    ],
)
def test_what_cannot_happen_to_an_io_has_a_reason(what: str, point: str, looks: bool) -> None:
    assert CANNOT_HAPPEN[what].keys() == set(Fault) - possible(point, looks=looks)


def test_a_pair_that_was_never_met_is_named() -> None:
    met = Coverage(dict.fromkeys(expected(), 1))
    assert never_met(met) == []
    del met["store.put", Fault.FROZEN]
    met["store.rename", Fault.LOST] = 1
    missed, strange = never_met(met)
    assert missed == "store.put: frozen before the effect"
    assert strange.startswith("store.rename: not in the table")


@pytest.mark.slow
def test_every_io_of_some_runs_is_in_the_table_of_coverage() -> None:
    met = Coverage()
    for seed in range(12):
        met.update(simulate(seed).coverage)
    assert not [pair for pair in never_met(met) if "not in the table" in pair]
