"""The daemon under test: `rotator run`, with the tripwire around every contract.

Orders come by environment: CRASH_NAME and CRASH_WHEN arm it, CRASH_TRACE names the file for the trace, CRASH_FREEZE
names a phase in which the first effect stops the whole process (SIGSTOP) between guard and send.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rotator.clock import SystemClock
from rotator.config.settings import read_settings
from rotator.daemon.installation import Installation
from rotator.daemon.logs import start_logging
from rotator.daemon.policy import PolicyInForce
from rotator.daemon.rhythm import bounds_of, rhythm_of
from rotator.daemon.run import Daemon
from rotator.journal import open_journal
from tests.crash.frozen import freeze_when
from tests.crash.tripwire import Point, Tripwire, Watched


def main() -> None:
    """The process."""
    settings = read_settings()
    start_logging(human=False, level="info")
    tripwire = Tripwire(_armed(), Path(os.environ["CRASH_TRACE"]) if "CRASH_TRACE" in os.environ else None)
    if wanted := os.environ.get("CRASH_FREEZE"):
        freeze_when(_first(wanted))
    journal = open_journal(settings.journal, daemon=True)
    policy = PolicyInForce(settings, journal)

    def around(contract: str, part: Any) -> Any:
        return Watched(contract, part, tripwire)

    parts = Installation(settings, around("journal", journal), policy, SystemClock(), around)
    Daemon(parts, policy, bounds_of(settings), rhythm_of(settings), settings.workers).run()


def _armed() -> Point | None:
    name = os.environ.get("CRASH_NAME")
    return Point(name, os.environ["CRASH_WHEN"]) if name else None


def _first(wanted: str) -> Callable[[str], bool]:
    """Says yes to the first effect of the phase, and to none after it."""
    left = {wanted}

    def hit(phase: str) -> bool:
        if phase not in left:
            return False
        left.clear()
        return True

    return hit


if __name__ == "__main__":
    main()
