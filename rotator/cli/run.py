"""run: the daemon."""

from __future__ import annotations

import sys

from rotator.cli.opening import Unusable, settings
from rotator.clock import SystemClock
from rotator.daemon.installation import Installation
from rotator.daemon.logs import start_logging
from rotator.daemon.policy import PolicyInForce
from rotator.daemon.rhythm import bounds_of, rhythm_of
from rotator.daemon.run import Daemon
from rotator.daemon.serving import serving
from rotator.journal import open_journal

_LEVELS = ("debug", "info", "warning", "error")


def run_daemon(log_level: str) -> None:
    """Runs until SIGTERM. Raises JournalBusy, NoPolicy, CannotListen, and what else keeps a daemon from starting."""
    if log_level not in _LEVELS:
        raise Unusable(f"--log-level {log_level}: it is one of {', '.join(_LEVELS)}")
    known = settings()
    start_logging(human=sys.stderr.isatty(), level=log_level)
    journal = open_journal(known.journal, daemon=True)
    policy = PolicyInForce(known, journal)
    parts = Installation(known, journal, policy, SystemClock())
    daemon = Daemon(parts, policy, bounds_of(known), rhythm_of(known), known.workers)
    with serving(parts, policy, daemon.pulse):
        daemon.run()
