"""A program of the company's own restarts the workload: off, unless settings name the program.

A policy must not be able to run anything on rotator's machine. So settings hold the full paths of the programs that
may be called; a policy chooses one and its arguments. There is no shell: the arguments reach the program as they are
written. It gets no input, no settings of rotator's, and of the environment only what a program needs and the names
that the policy lists. What it writes is read as own_words.py says, no more of it than that takes, and never shown.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from typing import ClassVar

from pydantic import field_validator

from rotator.contracts.adapter import Surroundings
from rotator.contracts.guard import CALL_SECONDS, guard
from rotator.contracts.options import AdapterOptions
from rotator.contracts.redeployer import Rollout, Start
from rotator.model.errors import GaveUp, Refused, Transient
from rotator.model.policy import Deployment
from rotator.redeployers.own_words import LARGEST, rollout, starts

#: Exit codes: there is no such workload or rollout; it will not be done; try again later (EX_TEMPFAIL of sysexits.h).
NOT_THERE, WILL_NOT, LATER = 4, 5, 75
_LABEL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}")
_KEPT = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "TZ")


class Command:
    """One workload: `command: /FULL/PATH`, called with its arguments and `start LABEL`, `status LABEL` or `starts`."""

    needs: ClassVar[str] = "its full path in ROTATOR_COMMANDS"
    tried_on: ClassVar[str] = "programs of the tests"

    class Options(AdapterOptions):
        """What `settings` of the deployment may say."""

        arguments: tuple[str, ...] = ()
        environment: tuple[str, ...] = ()  # names of variables that the program gets as rotator has them

        @field_validator("environment")
        @classmethod
        def _not_ours(cls, names: tuple[str, ...]) -> tuple[str, ...]:
            if any(name.upper().startswith("ROTATOR_") for name in names):
                raise ValueError("rotator's own settings are for rotator")
            return names

        @field_validator("arguments")
        @classmethod
        def _of_text(cls, arguments: tuple[str, ...]) -> tuple[str, ...]:
            if any("\0" in argument for argument in arguments):
                raise ValueError("an argument holds no NUL")
            return arguments

    def __init__(self, deployment: Deployment, around: Surroundings) -> None:
        """Raises Refused for a program that settings do not allow, and for options of no use."""
        if deployment.target not in around.commands or not Path(deployment.target).is_absolute():
            raise Refused(
                f"{deployment.id} names a program that settings do not allow: ROTATOR_COMMANDS lists the full paths of "
                "those that policies may call, and lists none by default"
            )
        options = self.Options.taken_from(deployment.settings, deployment.id)
        self._id, self._argv = deployment.id, [deployment.target, *options.arguments]
        self._where = f"the program of {deployment.id}"
        self._environment = (*_KEPT, *options.environment)
        self._clock = around.clock

    def redeploy(self, label: str) -> None:
        """Calls `start LABEL`. Raises Refused when there is no such workload, or the program will not start it."""
        guard()
        code, _output = self._call("start", _plain(label))
        if code == NOT_THERE:
            raise Refused(f"{self._where} knows no such workload; nothing was changed")

    def progress(self, label: str) -> Rollout:
        """What `status LABEL` says."""
        code, output = self._call("status", _plain(label))
        if code == NOT_THERE:
            return Rollout.failed(f"{self._where} knows no such rollout")
        return rollout(self._id, output, self._where)

    def starts(self, since: datetime) -> Iterator[Start]:
        """What `starts` says since then; none from a program that does not tell them."""
        code, output = self._call("starts")
        if code == NOT_THERE:
            return iter(())
        return iter([one for one in starts(self._id, output, self._where) if one.at >= since])

    def _call(self, *words: str) -> tuple[int, bytes]:
        """Exit code (0 or NOT_THERE) and output. Raises Transient or Refused; the program is gone afterwards."""
        doing = words[0]
        try:
            process = subprocess.Popen(
                [*self._argv, *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={name: os.environ[name] for name in self._environment if name in os.environ},
                cwd="/",
                start_new_session=True,  # so that what it started ends with it
            )
        except OSError as error:
            raise Transient(
                f"{self._where} cannot be run ({type(error).__name__}); nothing was changed"
            ) from None
        with process:
            try:
                output = self._output(process, CALL_SECONDS - 1)
            except subprocess.TimeoutExpired:
                _end(process)
                raise GaveUp(
                    f"{self._where} did not end within {CALL_SECONDS - 1:g} s of `{doing}`"
                ) from None
        code = process.returncode
        if code == WILL_NOT:
            raise Refused(f"{self._where} will not {doing} it (exit code {code})")
        if code not in {0, NOT_THERE}:
            later = " and asks for a later attempt" if code == LATER else ""
            raise Transient(f"{self._where} ended `{doing}` with {_ending(code)}{later}")
        if len(output) > LARGEST:
            raise Transient(f"{self._where} answers more than {LARGEST} bytes")
        return code, output

    def _output(self, process: subprocess.Popen[bytes], seconds: float) -> bytes:
        """What it writes until it has ended; of what is too long anyway the rest is not kept. Raises TimeoutExpired."""
        ends, output = self._clock.monotonic() + seconds, b""
        assert process.stdout is not None, "it was asked for"
        with DefaultSelector() as written:
            written.register(process.stdout, EVENT_READ)
            while written.select(max(0.0, ends - self._clock.monotonic())):
                piece = os.read(process.stdout.fileno(), LARGEST)
                if not piece:
                    process.wait(max(0.0, ends - self._clock.monotonic()))
                    return output
                output = (output + piece)[: LARGEST + 1]
        raise subprocess.TimeoutExpired(process.args, seconds)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kills it and everything in its session, and waits until it is gone.

    What has left its session on purpose lives on, and is not waited for, although it may still write.
    """
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _ending(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {-code}"


def _plain(label: str) -> str:
    """A label is an argument, and never an option."""
    if not _LABEL.fullmatch(label):
        raise Refused("a label has letters, digits, - and _ only")
    return label
