"""For each dropped rule and each old bug a seed that finds it; `make mutants` looks for them anew."""

from __future__ import annotations

from collections.abc import Mapping

from tests.simulation.mutants import BUGS, MUTANTS
from tests.simulation.run import Outcome, simulate

#: When the worlds change, a seed means another world. A witness that no longer sees its mutant is replaced by what
#: `make mutants` prints.
WITNESSES: Mapping[str, int] = {
    "1 tidy acts on a fresh listing": 9,
}


def witnessed(name: str) -> tuple[Outcome, Outcome]:
    """The witness's run with the mutant, and the same run of the engine as it is."""
    with {**MUTANTS, **BUGS}[name]():
        mutated = simulate(WITNESSES[name])
    return mutated, simulate(WITNESSES[name])
