"""Daemons that start at once: forked by a process that has loaded the project for all tests of a pytest worker.

To load it takes a second of CPU, the same at each start, and daemons are started a hundred times here. All else is as
in a process of its own: its id, its signals, its environment, its end. What is about loading (what is loaded, what a
signal does meanwhile) starts a process that loads: `Town.load()`. The crash rig forks by a process of its own
(`tests/crash/forks.py`): its daemons show others the arguments and the environment that a daemon has, and learn what to
load from those before them. Here the standard library's fork server is enough.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from rotator.sandbox.processes import NotReady, tail
from rotator.sandbox.tether import PR_SET_PDEATHSIG

_FORKS = multiprocessing.get_context("forkserver")


class ForkedDaemon:
    """A running `rotator run` with a log file, tied to the life of this process. `environment` is added to ours."""

    def __init__(self, log: Path, environment: Mapping[str, str]) -> None:
        self._log = log
        _FORKS.set_forkserver_preload(["tests.daemon.loaded"])
        self._process = _FORKS.Process(target=_run, args=(log, {**os.environ, **environment}), daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None, "it was started"
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.is_alive()

    def send(self, what: signal.Signals) -> None:
        """Silent if it has ended."""
        if self.running:
            os.kill(self.pid, what)

    def wait(self, within: float) -> int:
        """The exit code, or minus the signal's number. Raises NotReady if it still runs after `within` seconds."""
        self._process.join(within)
        if self._process.exitcode is None:
            raise NotReady(f"the daemon did not end within {within:g} s. Its log:\n{tail(self._log)}")
        return self._process.exitcode

    def stop(self, within: float, asking: signal.Signals = signal.SIGTERM) -> int:
        """Asks it to end, kills it after `within` seconds, and returns its exit code."""
        self.send(asking)
        self._process.join(within)
        if self.running:
            self._process.kill()
            self._process.join()
        return self.wait(0)


def _run(log: Path, environment: Mapping[str, str]) -> None:
    """In the fork: becomes what the command would be."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    os.setsid()
    with log.open("ab") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["rotator", "run"]
    from rotator.__main__ import main

    main()
