"""`python -m tests.simulation --runs N [--seed S] [--jobs J]`: plays seeds, prints what broke and what was covered."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterator
from multiprocessing import get_context
from time import perf_counter

from tests.simulation.coverage import ENOUGH, FEW, Coverage, never_met, reasons, table
from tests.simulation.run import Outcome, simulate
from tests.simulation.shrink import shrunk


def main() -> int:
    """Exit code 0 when no promise was broken, and a campaign of 20,000 runs met all that can go wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, help="play this seed only, and tell its whole story")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first seed")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--keep-going", action="store_true", help="do not stop at ten violations")
    options = parser.parse_args()
    if options.seed is not None:
        return _one(options.seed)
    return _many(range(options.first, options.first + options.runs), options.jobs, options.keep_going)


def _one(seed: int) -> int:
    outcome = simulate(seed)
    print(f"seed {seed}: {outcome.ios} I/Os, {len(outcome.faults)} faults, "
          f"{outcome.done} done, {outcome.undone} undone, {outcome.parked} parked")  # fmt: skip
    if not outcome.violation:
        print("violations 0")
        return 0
    print("\n".join(outcome.story))
    print(outcome.violation)
    smallest = shrunk(outcome)
    print(f"shrunk from {len(outcome.faults)} faults to {len(smallest)}:")
    print("\n".join(f"    {fault}" for fault in smallest[:40]))
    return 1


def _many(seeds: range, jobs: int, keep_going: bool) -> int:
    began, totals, coverage = perf_counter(), Counter[str](), Coverage()
    broken: list[Outcome] = []
    for outcome in _played(seeds, jobs):
        totals.update(
            runs=1, faults=len(outcome.faults), ios=outcome.ios,
            done=outcome.done, undone=outcome.undone, parked=outcome.parked,
        )  # fmt: skip
        coverage.update(outcome.coverage)
        if outcome.violation:
            broken.append(outcome)
            print(f"seed {outcome.seed}: {outcome.violation.splitlines()[0]}", flush=True)
            if len(broken) >= 10 and not keep_going:
                break
    missing = _print_coverage(coverage, totals["runs"])
    spent = perf_counter() - began
    print(f"{totals['ios']} I/Os; rotations: {totals['done']} done, {totals['undone']} undone, "
          f"{totals['parked']} parked; {spent:.0f} s, {1000 * spent / max(1, totals['runs']):.0f} ms each")  # fmt: skip
    if broken:
        print(f"a failing seed is played again by: python -m tests.simulation --seed {broken[0].seed}")
    if missing:
        print(f"after {ENOUGH} runs every pair is met, or said to be impossible: {len(missing)} are not")
    print(f"runs {totals['runs']}, faults {totals['faults']}, violations {len(broken)}")
    return 1 if broken or missing else 0


def _played(seeds: range, jobs: int) -> Iterator[Outcome]:
    if jobs == 1:
        yield from map(simulate, seeds)
        return
    with get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap_unordered(simulate, seeds, chunksize=10)


def _print_coverage(coverage: Coverage, runs: int) -> list[str]:
    """The table, and what is missing in it; returns that if so many runs must have met it."""
    print("coverage (I/O point x fault kind, - cannot happen):")
    print("\n".join(table(coverage)))
    print("what cannot happen:")
    print("\n".join(reasons()))
    missing = never_met(coverage) if runs >= FEW else []
    print("\n".join(f"never met: {pair}" for pair in missing), end="\n" if missing else "")
    return missing if runs >= ENOUGH else []


if __name__ == "__main__":
    sys.exit(main())
