"""The daemon with a stopwatch around every call to a source and a store: `python -m benchmarks.timed_daemon`.

Each call is a line of JSON in the file that BENCH_CALLS names: who was asked, and from when to when by the wall clock.
"""

# ruff: noqa: TID251 - a benchmark measures real time

from __future__ import annotations

import json
import os
import threading
import time
from typing import Any

from rotator.clock import SystemClock
from rotator.config.settings import read_settings
from rotator.daemon.installation import Installation
from rotator.daemon.logs import start_logging
from rotator.daemon.policy import PolicyInForce
from rotator.daemon.rhythm import bounds_of, rhythm_of
from rotator.daemon.run import Daemon
from rotator.journal import open_journal

TIMED = ("provider", "store")


class Stopwatch:
    """Writes down how long calls take."""

    def __init__(self, path: str) -> None:
        self._file, self._lock = open(path, "a", encoding="utf-8", buffering=1), threading.Lock()  # noqa: SIM115, PTH123 - open as long as the process

    def around(self, contract: str, part: Any) -> Any:
        """The part, timed."""
        return _Timed(contract, part, self) if contract in TIMED else part

    def took(self, contract: str, began: float) -> None:
        """One call has ended."""
        with self._lock:
            self._file.write(json.dumps([contract, began, time.time()]) + "\n")


class _Timed:
    """A part whose methods are timed; what is no method is as it was."""

    def __init__(self, contract: str, part: Any, stopwatch: Stopwatch) -> None:
        self._contract, self._part, self._stopwatch = contract, part, stopwatch

    def __getattr__(self, name: str) -> Any:
        wanted = getattr(self._part, name)
        return self._timed(wanted) if callable(wanted) else wanted

    def _timed(self, method: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            began = time.time()
            try:
                return method(*arguments, **options)
            finally:
                self._stopwatch.took(self._contract, began)

        return call


def main() -> None:
    """As `rotator run`."""
    known, clock = read_settings(), SystemClock()
    start_logging(human=False, level="info")
    journal = open_journal(known.journal, daemon=True, monotonic=clock.monotonic)
    policy = PolicyInForce(known, journal)
    parts = Installation(known, journal, policy, clock, around=Stopwatch(os.environ["BENCH_CALLS"]).around)
    Daemon(parts, policy, bounds_of(known), rhythm_of(known), known.workers).run()


if __name__ == "__main__":
    main()
