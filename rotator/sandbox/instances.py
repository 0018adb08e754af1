"""Instances of the sandbox's workloads as processes: each is a consumer that a fork server has warmed up."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from typing import Any

from rotator.sandbox import consumer
from rotator.sandbox.consumer import Surroundings
from rotator.sandbox.diet import COUNTS, Diet, Pace, Places
from rotator.sandbox.processes import NotReady

_FORKS = multiprocessing.get_context("forkserver")
#: An instance that is not ready by then will not be.
_READY_WITHIN = 60.0
#: As long as connections take to drain that a load balancer has opened.
_DRAIN_SECONDS = 0.05
_END_WITHIN = 8.0


def starter(
    directory: str, pace: Pace, diets: Mapping[str, Diet], places: Mapping[str, Places]
) -> Callable[[str], ConsumerProcess]:
    """What starts an instance of a workload by its name. `places` go by environment.

    Call it once, before the first start.
    """
    _FORKS.set_forkserver_preload(["rotator.sandbox.warm"])

    def start(workload: str) -> ConsumerProcess:
        there = places.get(workload.split("/", 1)[0], Places())
        return ConsumerProcess(diets[workload], Surroundings(workload, directory, there, pace))

    return start


class ConsumerProcess:
    """One running instance. Raises NotReady when it does not become ready; then nothing of it is left."""

    def __init__(self, diet: Diet, around: Surroundings) -> None:
        self._counts: Any = _FORKS.Array("q", len(COUNTS))
        self._line, theirs = _FORKS.Pipe()  # held open: the instance ends when it breaks
        self._process = _FORKS.Process(
            target=consumer.run, args=(diet, around, self._counts, theirs), daemon=True
        )
        self._process.start()
        theirs.close()
        try:
            hello = _first_word(self._line)
        except NotReady:
            self._process.kill()
            self._process.join()
            raise
        self.port: int = hello["port"]
        self.versions: Mapping[str, int] = hello["versions"]

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process.pid is not None, "it was started"
        return self._process.pid

    def counts(self) -> Mapping[str, int]:
        """What it counted so far, also when it has ended."""
        return dict(zip(COUNTS, self._counts[:], strict=True))

    def end(self) -> None:
        """Lets its connections drain, asks it to end, kills it if it does not, and returns when it is gone."""
        time.sleep(_DRAIN_SECONDS)
        self._process.terminate()
        self._process.join(_END_WITHIN)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._line.close()


def _first_word(line: Connection) -> dict[str, Any]:
    if not line.poll(_READY_WITHIN):
        raise NotReady(f"it was not ready within {_READY_WITHIN:g} s")
    try:
        hello: dict[str, Any] = line.recv()
    except (EOFError, OSError):
        raise NotReady("it ended before it was ready; the platform's log has its last words") from None
    return hello
