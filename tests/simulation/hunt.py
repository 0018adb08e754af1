"""`python -m tests.simulation.hunt [NAME…]`: how many runs it takes until a dropped rule, or an old bug, is found.

Prints, for each, the first seed that finds it, and in the end the lines of witnesses.py, which test_mutants.py and
test_found.py play every time.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from multiprocessing import get_context
from time import perf_counter

from tests.simulation.mutants import ALL
from tests.simulation.run import Outcome, simulate

_mutation: AbstractContextManager[object] | None = None


def main() -> int:
    """Exit code 0 when every one of them was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.hunt", description=__doc__)
    parser.add_argument("names", nargs="*", default=[], help="some of them; all without")
    parser.add_argument("--within", type=int, default=20_000, help="as many runs at most, for each")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    found_by: dict[str, int] = {}
    wanted = options.names or list(ALL)
    for name in wanted:
        began = perf_counter()
        found = next(filter(_shows, _played(name, options.within, options.jobs)), None)
        if found:
            found_by[name] = found.seed
        verdict = f"seed {found.seed}: {found.violation.splitlines()[0]}" if found else "NOT FOUND"
        print(f"{name}: {verdict} ({perf_counter() - began:.0f} s)", flush=True)
    print("\n".join(f'    "{name}": {seed},' for name, seed in found_by.items()))
    print(f"mutants {len(wanted)}, not found {len(wanted) - len(found_by)}")
    return 0 if len(found_by) == len(wanted) else 1


def _shows(outcome: Outcome) -> bool:
    """Whether it is the mutant that broke a promise, and not the engine as it is."""
    sound = not simulate(outcome.seed).violation
    if not sound:
        print(f"without any mutant, too: make simulate SEED={outcome.seed}", flush=True)
    return sound


def _played(name: str, within: int, jobs: int) -> Iterator[Outcome]:
    """The outcomes that broke a promise, by seed."""
    with get_context("spawn").Pool(jobs, initializer=_mutate, initargs=(name,)) as pool:
        yield from (
            outcome for outcome in pool.imap(simulate, range(within), chunksize=4) if outcome.violation
        )


def _mutate(name: str) -> None:
    """This process plays the mutant from now on."""
    global _mutation  # noqa: PLW0603 - what a worker process is, for its whole life
    _mutation = ALL[name]()
    _mutation.__enter__()


if __name__ == "__main__":
    sys.exit(main())
