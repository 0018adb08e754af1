"""The daemon under test: `rotator run`, with the tripwire around every contract.

CRASH_ORDERS is the folder of the rig's orders, CRASH_MADE the file for what create() returns. The argument is the
socket over which the rig asks for a daemon, and each is a fork of this process (forks.py).
"""

from __future__ import annotations

import os
import sys
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
from tests.crash.forks import forked
from tests.crash.frozen import freeze_when
from tests.crash.made import Made
from tests.crash.orders import Mailbox
from tests.crash.tripwire import Tripwire, Watched


def main(rig: str) -> None:
    """The process."""
    mailbox = Mailbox(Path(os.environ["CRASH_ORDERS"]))
    forked(int(rig), mailbox)
    settings = read_settings()
    start_logging(human=False, level="info")
    journal = open_journal(settings.journal, daemon=True)
    policy = PolicyInForce(settings, journal)
    made = Made(Path(os.environ["CRASH_MADE"]))
    tripwire = Tripwire(mailbox, lambda label: journal.rollouts([label])[0].purpose)
    freeze_when(lambda _phase: tripwire.guarded())

    def around(contract: str, part: Any) -> Any:
        return Watched(contract, part, tripwire, made)

    parts = Installation(settings, around("journal", journal), policy, SystemClock(), around)
    Daemon(parts, policy, bounds_of(settings), rhythm_of(settings), settings.workers).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
