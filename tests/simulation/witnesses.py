"""For each dropped rule and each old bug a seed that finds it; `make mutants` looks for them anew."""

from __future__ import annotations

from collections.abc import Mapping

from tests.simulation.mutants import ALL
from tests.simulation.run import Outcome, simulate

#: When the worlds change, a seed means another world. A witness that no longer sees its mutant is replaced by what
#: `make mutants` prints.
WITNESSES: Mapping[str, int] = {
    "1 tidy acts on a fresh listing": 3,
    "1 remove acts on a fresh listing": 63,
    "2 create runs under any claim": 407,
    "2 plan does not wait for the listing": 1640,
    "3 guard is always true": 26,
    "3 nothing settles": 48,
    "3 nothing is swept": 622,
    "4 the store is not read before disable": 196,
    "4 the store is not read before discard": 69,
    "4 the store is not read before restore": 630,
    "5 surprises undo": 16,
    "6 results are not kept": 112,
    "6 lost results are removed unread": 208,
    "7 a mint is repeated blindly": 100,
    "7 claims need not outlive calls": 2136,
    "7 calls take longer than they may": 52,
    "7 asked to stop, and goes on": 7,
    "8 an own value is drift": 15,
    "8 races are redeployed": 8,
    "8 races are undone": 27,
    "8 races are told without versions": 8,
    "no announce": 6,
    "copies are not waited for": 68,
    "no confirm": 11,
    "no grace": 0,
    "no verify": 0,
    "use is not looked for": 90,
    "death is taken for granted": 5,
    "a person's end is not waited for": 34,
    "an undo leaves the successor": 1,
    "the calendar binds no phase": 30,
    "the calendar binds no rollout": 148,
    "nobody is asked": 9,
    "staging proves nothing": 0,
    "any number at once": 33,
    "nobody waits for their turn": 41,
    "the document is ours": 22,
    "the way back forgets the mirrors": 366,
    "parked is not told": 1,
    "failing is not told": 76,
    "overdue is not told": 0,
    "worse is not told": 24,
    "told again and again": 34,
    "the end is not told": 1,
    "nothing ends": 0,
    "a rollout that left an instance is done": 431,
    "a discarded successor is in use": 33,
    "the source signs on": 61,
    "consumers are taken back to a dead credential": 385,
}

#: What no world has shown by itself yet, and why that is borne.
WITHOUT: Mapping[str, str] = {
    "a lost mint waits for its window": "worlds showed it until claims ran out more often; tests/engine/test_holds.py",
    "what could not be removed is forgotten": "seed 1781 did, until somebody else said yes; `make mutants` looks on",
    "a removed successor is stored": "an older journal that stands just before store; tests/engine/test_phases.py",
    "a stray in use is discarded": "an undo, a lost mint and an older journal in one run; tests/engine/test_phases.py",
}


def witnessed(name: str) -> tuple[Outcome, Outcome]:
    """The witness's run with the mutant, and the same run of the engine as it is."""
    with ALL[name]():
        mutated = simulate(WITNESSES[name])
    return mutated, simulate(WITNESSES[name])
