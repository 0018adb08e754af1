"""The prober: uses what consumers hold, and what one that started now would read, all the time and as they would.

It goes on while the daemon is dead, comes back, or is frozen. A refusal counts only if it cannot be the prober's own
slowness: the instance still lives, or the store still says so, after the refusal as before it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPException
from typing import Protocol

import psycopg

from tests.company.consumers import Instance, Reading
from tests.company.secret import Held, UsedSecret

PAUSE_SECONDS = 0.05


class Living(Protocol):
    """Whoever lives by the secret: tests.company.consumers.Consumers."""

    def living(self, environment: str) -> tuple[Instance, ...]:
        """The instances of this moment; the same tuple as long as none was replaced."""


class Prober:
    """Runs in a thread of its own between start() and stop(). `at` is what the rig does meanwhile.

    `read` reads the store, in that thread; `logs_in` says whether a server lets a connection string in. `looks` and
    `unanswered`: how many there were, and how many got no answer, neither yes nor no. `longest`: seconds between two
    looks.
    """

    def __init__(
        self,
        secret: UsedSecret,
        consumers: Living,
        read: Callable[[], Reading],
        logs_in: Callable[[str], bool],
    ) -> None:
        self._secret, self._consumers, self._read, self._logs_in = secret, consumers, read, logs_in
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="prober", daemon=True)
        self._found: dict[tuple[str, str], str] = {}
        self._looked_at = time.monotonic()
        self.at = ""
        self.looks = self.unanswered = 0
        self.longest = 0.0
        self.broke: Exception | None = None

    @property
    def dark(self) -> list[str]:
        """One line for each value that was refused at something that the rig did."""
        return list(self._found.values())

    def start(self) -> None:
        """Begins."""
        self._looked_at = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """Ends; raises what ended it before."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(60)
        if self.broke is not None:
            raise self.broke

    def look(self) -> None:
        """Uses everything once."""
        environment = self._secret.environment
        try:
            living = self._consumers.living(environment)
            reading = self._read()
            if self._consumers.living(environment) is not living:
                return  # then what was read and who lived were not there at the same time
            everybody = _everybody(living, reading)
            refused = self._databases if self._secret.source == "postgres" else self._bearers
            for value, who in refused(everybody):
                self._found.setdefault((self.at, value), f"{self.at}: {who} is refused")
        except (psycopg.OperationalError, HTTPException, OSError):
            self.unanswered += 1
            return
        self.looks += 1
        now = time.monotonic()
        self.longest, self._looked_at = max(self.longest, now - self._looked_at), now

    def _run(self) -> None:
        try:
            while not self._stop.wait(PAUSE_SECONDS):
                self.look()
        except Exception as broke:  # noqa: BLE001 - whoever stops it is told: looks that end early would prove nothing
            self.broke = broke

    def _bearers(self, everybody: Mapping[str, Held]) -> Iterator[tuple[str, str]]:
        """What anybody makes is accepted by everybody; all of them were there at the moment of the reading."""
        for signer, held in everybody.items():
            bearer = self._secret.bearer(held)
            for verifier, theirs in everybody.items():
                if not self._secret.accepts(theirs, bearer):
                    yield held[self._secret.parameter], f"{signer} by {verifier}"

    def _databases(self, everybody: Mapping[str, Held]) -> Iterator[tuple[str, str]]:
        by_value = {held[self._secret.parameter]: who for who, held in everybody.items()}
        for dsn, who in by_value.items():
            if not self._logs_in(dsn) and self._still(dsn):
                yield dsn, who

    def _still(self, value: str) -> bool:
        """Whether anybody lives by the value now."""
        reading = self._read()
        everybody = _everybody(self._consumers.living(self._secret.environment), reading)
        return value in {held[self._secret.parameter] for held in everybody.values()}


def _everybody(living: tuple[Instance, ...], reading: Reading) -> Mapping[str, Held]:
    """Who lives, and one that starts now."""
    return {
        **{f"instance {number}": instance.held for number, instance in enumerate(living, 1)},
        "an instance that starts now": reading.values,
    }
