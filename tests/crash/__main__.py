"""`python -m tests.crash [--part ci|all] [--source jwt] [--journal sqlite]`: the whole matrix, or a part of it.

For each source and journal a rotation on each road is traced; then each point of the trace gets a rotation of its own
in which the daemon is killed before it, and one in which it is killed after it, and each effect one in which it
freezes. All the while consumers use what they hold. Before the last line stands what was met, and what was not:

    not met: …   phases that rotations of a source can reach, and in which no daemon died
    missed M     accidents that did not happen: a rotation never came to where its daemon should have died

Ends with `crash points N, dark 0, lost 0, orphans 0, stuck 0, leaks 0`; exit code 1 when anything is not as it must be.
"""

from __future__ import annotations

import argparse
import sys
import time

from tests.crash.report import Report
from tests.crash.rig import SOURCES
from tests.crash.sweeps import JOURNALS, Sweeps


def main() -> int:
    """Runs it and says what was found."""
    options = _options()
    began = time.monotonic()
    with Sweeps(options.part, options.lanes) as matrix:
        sweeps = matrix.run(options.source or list(SOURCES), options.journal or list(JOURNALS))
        report = Report(sweeps, matrix.leaks(sweeps), matrix.mails())
    print(*report.lines(), f"{time.monotonic() - began:.0f} s", report.last_line(), sep="\n")
    return 0 if report.well else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--part", choices=("all", "ci"), default="all")
    parser.add_argument("--source", choices=tuple(SOURCES), action="append")
    parser.add_argument("--journal", choices=JOURNALS, action="append")
    parser.add_argument("--lanes", type=int, default=15, help="how many run side by side")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
