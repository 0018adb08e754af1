"""Child processes of the sandbox: they die with their parent, say when they are ready, and are ended by their id.

A demo or a test may be ended by Ctrl-C, by a time limit or by `kill -9`; in every case no database and no server may
stay behind. `Child` is the one way in which the sandbox starts something.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import NamedTuple

TETHER = Path(__file__).with_name("tether.py")
POLL_SECONDS = 0.02


class NotReady(RuntimeError):
    """A child did not become ready in time, or ended before. The text holds the end of its log."""


class User(NamedTuple):
    """Whom a child runs as; only root can choose."""

    uid: int
    gid: int


class Child:
    """A running command with a log file, tied to the life of this process.

    `environment` is added to ours. `death_signal` is what the child gets when this process dies, whether it ends or
    is killed. `keep_open` are file descriptors that the child inherits under the same numbers. The child has a
    session of its own, so that Ctrl-C in a terminal reaches only us, and we end it in order. Linux only.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        user: User | None = None,
        death_signal: signal.Signals = signal.SIGKILL,
        keep_open: Sequence[int] = (),
    ) -> None:
        self.name, self.log = name, log
        uid, gid = (str(user.uid), str(user.gid)) if user else ("-", "-")
        tether = [sys.executable, "-I", "-S", str(TETHER), str(os.getpid()), str(int(death_signal)), uid, gid]
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            started = _starter(os.getpid()).submit(
                subprocess.Popen[bytes],
                [*tether, *map(str, command)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                cwd=folder,
                pass_fds=keep_open,
                start_new_session=True,
            )
            self._process = started.result()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; minus the signal's number if a signal ended it."""
        return self._process.poll()

    @property
    def running(self) -> bool:
        return self.exit_code is None

    def wait_until(self, ready: Callable[[], bool], within: float) -> None:
        """Asks `ready` until it says yes. Raises NotReady after `within` seconds, or at once if the child ended."""
        deadline = time.monotonic() + within
        while not ready():
            if not self.running:
                raise NotReady(f"{self.name} ended with exit code {self.exit_code}. {self._last_words()}")
            if time.monotonic() > deadline:
                raise NotReady(f"{self.name} was not ready within {within:g} s. {self._last_words()}")
            time.sleep(POLL_SECONDS)

    def send(self, what: signal.Signals) -> None:
        """Sends a signal; silent if the child has ended."""
        self._process.send_signal(what)

    def wait(self, within: float) -> int:
        """The exit code. Raises NotReady if it still runs after `within` seconds."""
        try:
            return self._process.wait(within)
        except subprocess.TimeoutExpired:
            raise NotReady(f"{self.name} did not end within {within:g} s. {self._last_words()}") from None

    def stop(self, within: float = 10.0, asking: signal.Signals = signal.SIGTERM) -> int:
        """Asks it to end, kills it after `within` seconds, and returns its exit code. May be called again."""
        self.send(asking)
        try:
            return self._process.wait(within)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        """SIGKILL, and waits until it is gone."""
        self.send(signal.SIGKILL)
        return self._process.wait()

    def _last_words(self) -> str:
        return f"The end of its log {self.log}:\n{tail(self.log)}"


@cache
def _starter(_our_pid: int) -> ThreadPoolExecutor:
    """The one thread that starts children.

    To the kernel the parent is the thread that forked, not the process: a child started by a short-lived thread would
    die with it. This thread lives as long as the process. It is kept per process id because a fork does not copy it.
    """
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="starts-children")


def tail(log: Path, lines: int = 20) -> str:
    """The last lines of a log file, or a word that it is empty."""
    if not log.exists():
        return "(no log)"
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) or "(empty)"


def listening_socket(port: int = 0) -> socket.socket:
    """A socket that listens on a loopback port, of the system's choice if it is 0, to hand to a child.

    Passing the socket and not the number leaves no moment in which somebody else can take the port. Answers leave at
    once: what is written in two pieces would wait 40 ms for the far side's word that it has the first.
    """
    listening = socket.create_server(("127.0.0.1", port), backlog=128)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # what it accepts has it, too
    return listening


def free_port() -> int:
    """A loopback port that was free a moment ago, for programs that cannot be handed a socket. Be ready to retry."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port
