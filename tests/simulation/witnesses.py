"""For each dropped rule and each old bug a seed that finds it; `make mutants` looks for them anew."""

from __future__ import annotations

from collections.abc import Mapping

from tests.simulation.mutants import ALL
from tests.simulation.run import Outcome, simulate

#: When the worlds change, a seed means another world. A witness that no longer sees its mutant is replaced by what
#: `make mutants` prints.
WITNESSES: Mapping[str, int] = {
    "1 tidy acts on a fresh listing": 9,
    "1 remove acts on a fresh listing": 63,
    "2 create runs under any claim": 335,
    "2 plan does not wait for the listing": 100,
    "3 guard is always true": 62,
    "3 nothing settles": 22,
    "4 the store is not read before disable": 144,
    "4 the store is not read before discard": 22,
    "5 surprises undo": 24,
    "6 results are not kept": 112,
    "6 lost results are removed unread": 49,
    "7 a mint is repeated blindly": 100,
    "8 an own value is drift": 10,
    "no announce": 4,
    "no confirm": 3,
    "no grace": 0,
    "no verify": 0,
    "use is not looked for": 40,
    "death is taken for granted": 5,
    "a rollout that left an instance is done": 73,
    "a discarded successor is in use": 335,
    "a stray in use is discarded": 208,
}

#: What no world has shown by itself yet, and why that is borne.
WITHOUT: Mapping[str, str] = {}


def witnessed(name: str) -> tuple[Outcome, Outcome]:
    """The witness's run with the mutant, and the same run of the engine as it is."""
    with ALL[name]():
        mutated = simulate(WITNESSES[name])
    return mutated, simulate(WITNESSES[name])
