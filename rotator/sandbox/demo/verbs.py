"""`rotator` verbs as from a terminal, each in a process of its own that is forked from one which has loaded them.

Loading takes a verb a second, doing its work a tenth of one; the demo calls dozens, on two cores that others need.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from typing import NamedTuple

_FORKS = multiprocessing.get_context("forkserver")
_WITHIN = 120.0
_TIMED_OUT = 124  # as timeout(1) has it


class Ended(NamedTuple):
    """How a verb ended: `output` is all that it printed."""

    code: int
    output: bytes


def run(words: Sequence[str], environment: Mapping[str, str], typed: str = "") -> Ended:
    """`rotator` with these words; `typed` is its standard input."""
    _FORKS.set_forkserver_preload(["rotator.sandbox.demo.warm"])
    ours, theirs = _FORKS.Pipe()
    process = _FORKS.Process(target=_verb, args=(list(words), dict(environment), typed, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        if not ours.poll(_WITHIN):
            process.kill()
            return Ended(_TIMED_OUT, b"it did not end in time")
        return Ended(*ours.recv())
    except EOFError:
        return Ended(1, b"it crashed")
    finally:
        process.join()
        ours.close()


def _verb(words: list[str], environment: dict[str, str], typed: str, line: Connection) -> None:
    """In the fork: its standard streams are files in memory, as a shell's redirections make them."""
    os.environ.update(environment)
    sys.argv = ["rotator", *words]
    given, printed = os.memfd_create("given"), os.memfd_create("printed")
    os.write(given, typed.encode())
    os.lseek(given, 0, os.SEEK_SET)
    for stream, descriptor in enumerate((given, printed, printed)):
        os.dup2(descriptor, stream)
    sys.stdin = os.fdopen(0, closefd=False)
    from rotator.__main__ import main

    code: object = 0
    try:
        main()
    except SystemExit as ended:
        code = ended.code or 0
    sys.stdout.flush()
    sys.stderr.flush()
    os.lseek(printed, 0, os.SEEK_SET)
    with os.fdopen(printed, "rb") as told:
        line.send((code if isinstance(code, int) else 1, told.read()))
