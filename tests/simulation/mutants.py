"""The engine with one rule dropped, or with an old bug: a simulation that does not notice proves nothing.

Each mutant patches what a careless change would break. `MUTANTS` are rules of the step contract, by its numbers, and
what else promises rest on; `BUGS` is what the simulation has found. `ALL` of them are found by `make mutants`.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.simulation.bugs import BUGS
from tests.simulation.mutants_of_promises import PROMISES
from tests.simulation.mutants_of_rules import RULES, Mutant

__all__ = ["ALL", "BUGS", "MUTANTS"]

MUTANTS: Mapping[str, Mutant] = {**RULES, **PROMISES}
ALL: Mapping[str, Mutant] = {**MUTANTS, **BUGS}
