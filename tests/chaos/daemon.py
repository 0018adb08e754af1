"""The daemon under test: `rotator run` as it is, which can be made to freeze at an aim, and can be a mutant.

CHAOS_AIM names a file. The process whose next effect is one of the phase that stands in it takes the file (it is there
under this process's id then) and stops itself between guard and send. CHAOS_MUTANT names a rule that it drops.
"""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

from tests.chaos.mutants import MUTANTS
from tests.chaos.vendor import know_its_bounds
from tests.crash.frozen import freeze_when


def main() -> None:
    """The process."""
    if mutant := os.environ.get("CHAOS_MUTANT"):
        MUTANTS[mutant]()
    know_its_bounds()
    aim = Path(os.environ["CHAOS_AIM"])
    freeze_when(lambda phase: _took(aim, phase))
    sys.argv = ["rotator", "run"]
    runpy.run_module("rotator", run_name="__main__", alter_sys=True)


def _took(aim: Path, phase: str) -> bool:
    """Whether this process is the one that freezes now: of several that get there, one can rename the file."""
    try:
        if aim.read_text() != phase:
            return False
        aim.rename(aim.with_suffix(f".{os.getpid()}"))
    except FileNotFoundError:
        return False
    return True


if __name__ == "__main__":
    main()
