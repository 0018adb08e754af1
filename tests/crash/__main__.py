"""`python -m tests.crash [--part ci|all] [--source jwt] [--journal sqlite]`: the whole matrix, or a part of it.

Every provider, store, mirror and redeployer is met in a company of its own (companies.py). For each company and journal
a rotation on each road is traced; then each point of the trace gets a rotation of its own in which the daemon is killed
before it, and one in which it is killed after it, and each effect one in which it freezes. All the while consumers use
what they hold. Before the last line stands what was met, and what was not:

    not met: …   phases that rotations of a source can reach, and in which no daemon died
    missed M     accidents that did not happen: a rotation never came to where its daemon should have died

Ends with `crash points N, dark 0, lost 0, orphans 0, stuck 0, leaks 0`; exit code 1 when anything is not as it must be.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from collections.abc import Iterable, Iterator

from tests.crash.companies import COMPANIES, Company
from tests.crash.report import Report
from tests.crash.sources import SOURCES
from tests.crash.sweeps import JOURNALS, Sweeps


def main() -> int:
    """Runs it and says what was found."""
    options = _options()
    began = time.monotonic()
    seed = options.seed if options.seed is not None else secrets.randbelow(10**6)
    print(f"seed {seed}", flush=True)
    with Sweeps(options.part, options.lanes, seed, options.drawn) as matrix:
        sweeps = matrix.run([*met_here(_companies(options))], options.journal or list(JOURNALS))
        report = Report(sweeps, matrix.leaks(sweeps), matrix.mails())
    print(*report.lines(), f"{time.monotonic() - began:.0f} s", report.last_line(), sep="\n")
    return 0 if report.well else 1


def _companies(options: argparse.Namespace) -> list[Company]:
    """Those that were asked for; all where nobody says."""
    asked = {kind: getattr(options, kind) for kind in COMPANIES}
    everything = not any(asked.values())
    return [
        company
        for kind, companies in COMPANIES.items()
        for name, company in companies.items()
        if everything or name in (asked[kind] or ())
    ]


def met_here(companies: Iterable[Company]) -> Iterator[Company]:
    """Those for which everything is there on this machine; the others are named."""
    for company in companies:
        lacking = SOURCES[company.source].lacking()
        if lacking:
            print(f"skipped: {company}: {lacking}", flush=True)
        else:
            yield company


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--part", choices=("all", "ci"), default="all")
    for kind, companies in COMPANIES.items():
        parser.add_argument(f"--{kind}", choices=tuple(companies), action="append")
    parser.add_argument("--journal", choices=JOURNALS, action="append")
    parser.add_argument("--lanes", type=int, default=15, help="how many run side by side")
    parser.add_argument(
        "--drawn", type=int, default=1, help="of how many points by chance CI tries each company"
    )
    parser.add_argument("--seed", type=int, help="draws what CI tries by chance; printed")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
