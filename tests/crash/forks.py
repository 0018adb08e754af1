"""Daemons under test, forked from one process that has imported what they need, and has done nothing else.

An accident costs the start of a daemon, and most of a start is imports: they took longer than the rest of the rotation.
The process that forks has one thread, and the arguments and the environment of the daemon, so that a fork shows to
others on its machine what a daemon shows that was started by itself. What is imported late, by the adapters of the
company, it learns from the daemons before (`Mailbox.imported`).
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import cast

from rotator.sandbox.processes import Child, NotReady
from rotator.sandbox.tether import PR_SET_PDEATHSIG
from tests.crash.orders import Mailbox

_LONGEST = 4096
_FORKED_WITHIN = 60.0


class Forks:
    """The rig's side: the process that forks, and what it says of those that it forked."""

    def __init__(self, module: str, log: Path, environment: Mapping[str, str]) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, "-m", module, str(theirs.fileno())]
            keep_open = (theirs.fileno(),)
            self._origin = Child(
                "who forks daemons", command, log=log, environment=environment, keep_open=keep_open
            )
        self._ours, self._log = ours, log
        self._hearing = threading.Lock()
        self._begun: list[int] = []
        self.ended = dict[int, int]()

    def fork(self) -> Daemon:
        """One more daemon. Raises NotReady where none comes."""
        self._ours.send(b"fork")
        deadline = time.monotonic() + _FORKED_WITHIN
        while not self._begun:
            if not self._origin.running or time.monotonic() > deadline:
                raise NotReady(f"no daemon was forked; exit code {self._origin.exit_code}; {self._log}")
            self.hear(0.1)
        return Daemon(self, self._begun.pop(0), self._log)

    def hear(self, seconds: float = 0.0) -> None:
        """Takes in what was said."""
        with self._hearing:
            while select.select([self._ours], [], [], seconds)[0]:
                said = self._ours.recv(_LONGEST)
                if not said:
                    return
                pid, code = json.loads(said)
                if code is None:
                    self.ended.pop(pid, None)  # the system has given the id of a dead one again
                    self._begun.append(pid)
                else:
                    self.ended[pid] = code
                seconds = 0.0

    def close(self) -> None:
        """Ends who forks."""
        self._ours.close()
        self._origin.stop()


class Daemon(Child):
    """One that was forked: a child of our child, so its exit code comes by word of mouth."""

    def __init__(self, forks: Forks, pid: int, log: Path) -> None:
        self.name, self.log = "the daemon under test", log
        # What a Child asks of its process is all there.
        self._process = cast("subprocess.Popen[bytes]", _Forked(forks, pid))


class _Forked:
    """As much of Popen as a Child asks for."""

    def __init__(self, forks: Forks, pid: int) -> None:
        self._forks, self.pid = forks, pid

    def poll(self) -> int | None:
        self._forks.hear()
        return self._forks.ended.get(self.pid)

    def wait(self, within: float | None = None) -> int:
        deadline = time.monotonic() + within if within is not None else None
        while (code := self.poll()) is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("the daemon under test", within or 0.0)
            time.sleep(0.02)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


def forked(descriptor: int, mailbox: Mailbox) -> None:
    """Returns in a process of its own, each time that the rig asks for one; the process that forks never returns."""
    rig = socket.socket(fileno=descriptor)
    running = dict[int, int]()  # descriptor of a process -> its id
    while True:
        for each in select.select([descriptor, *running], [], [])[0]:
            if each != descriptor:
                pid = running.pop(each)
                os.close(each)
                _say(rig, pid, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
            elif not rig.recv(_LONGEST):
                sys.exit()
            else:
                _import(mailbox.imports())
                origin = os.getpid()
                pid = os.fork()
                if not pid:
                    _leave([rig.detach(), *running], origin)
                    return
                running[os.pidfd_open(pid)] = pid
                _say(rig, pid, None)


def _say(rig: socket.socket, pid: int, code: int | None) -> None:
    rig.send(json.dumps([pid, code]).encode())


def _import(names: Sequence[str]) -> None:
    """All that can be."""
    for name in names:
        if name not in sys.modules:
            with suppress(ImportError):
                importlib.import_module(name)
    if threading.active_count() > 1:
        sys.exit("an import has begun a thread: no daemon can be forked here")


def _leave(descriptors: Sequence[int], origin: int) -> None:
    """A process of its own, that dies with the one that forked it."""
    for each in descriptors:
        os.close(each)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != origin:
        os._exit(1)
