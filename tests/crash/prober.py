"""The prober: uses what consumers hold, and what one that started now would read, all the time and as they would.

It goes on while the daemon is dead, comes back, or is frozen. A refusal counts only if it cannot be the prober's own
slowness: the instance still lives, or the store still says so, after the refusal as before it.

Two kinds of refusal are told apart and not called dark, because a policy has to say that it accepts them: those of a
source that accepts one credential only (`accept_gap`; how long it lasted is measured), and those of an instance that
would start between the writes of two parameters (`torn_ok`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from http.client import HTTPException

import httpx
import psycopg

from rotator.contracts.provider import Overlap
from tests.company.consumers import Instance, Reading
from tests.company.secret import Held
from tests.crash.sources.source import Source, parameter

PAUSE_SECONDS = 0.05
#: Neither yes nor no.
_NO_ANSWER = (psycopg.OperationalError, HTTPException, httpx.HTTPError, OSError)
_COPIED = parameter("value")
_STARTS_NOW, _READS_COPY = "an instance that starts now", "whoever reads the copy"


class Prober:
    """Runs in a thread of its own between start() and stop(). `at` is what the rig does meanwhile.

    `living` says who lives, and `read` reads the store, in that thread; `whole` says whether all that was read is of
    one credential, `copy` what the mirror holds. `looks`, `unanswered` and `torn`: how many there were, got no answer,
    neither yes nor no, and fell between two writes. `longest`: seconds between two looks; `gap`: of the longest time
    that a source with one credential refused somebody.
    """

    def __init__(
        self,
        source: Source,
        living: Callable[[], tuple[Instance, ...]],
        read: Callable[[], Reading],
        whole: Callable[[Held], bool] = lambda _held: True,
        copy: Callable[[str], str | None] = lambda _name: None,
    ) -> None:
        self._source, self._living, self._read = source, living, read
        self._whole, self._copy = whole, copy
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="prober", daemon=True)
        self._found: dict[tuple[str, ...], str] = {}
        self._looked_at = time.monotonic()
        self._refused_since: float | None = None
        self.at = ""
        self.looks = self.unanswered = self.torn = 0
        self.longest = self.gap = 0.0
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
        try:
            everybody = self._everybody()
            if everybody is None:
                return
            refused = [
                (held, who)
                for held, who in self._source.refused(everybody)
                if self._source.at_once or self._still(held)
            ]
        except _NO_ANSWER:
            self.unanswered += 1
            return
        now = time.monotonic()
        if self._source.traits.overlap is Overlap.NONE:
            self._measure(now, refused=bool(refused))
        else:
            for held, who in refused:
                key = self.at, *self._source.shown(held).values()
                self._found.setdefault(key, f"{self.at}: {who} is refused")
        self.looks += 1
        self.longest, self._looked_at = max(self.longest, now - self._looked_at), now

    def _run(self) -> None:
        try:
            while not self._stop.wait(PAUSE_SECONDS):
                self.look()
        except Exception as broke:  # noqa: BLE001 - whoever stops it is told: looks that end early would prove nothing
            self.broke = broke

    def _everybody(self) -> Mapping[str, Held] | None:
        """Who was there at one moment, and what they held; None when that changed in between."""
        copied = self._copy(_COPIED)
        living = self._living()
        reading = self._read()
        if self._living() is not living:
            return None  # then what was read and who lived were not there at the same time
        everybody = dict(_held_by(living))
        if self._whole(reading.values):
            everybody[_STARTS_NOW] = reading.values
        else:
            self.torn += 1
        if copied is not None:
            everybody[_READS_COPY] = {_COPIED: copied}
        return everybody

    def _still(self, held: Held) -> bool:
        """Whether anybody lives by it now."""
        shown = self._source.shown(held)
        now = [self._read().values, *_held_by(self._living()).values()]
        return any(self._source.shown(one) == shown for one in now)

    def _measure(self, now: float, *, refused: bool) -> None:
        if not refused:
            self._refused_since = None
            return
        self._refused_since = self._refused_since or now
        self.gap = max(self.gap, now - self._refused_since)


def _held_by(living: tuple[Instance, ...]) -> dict[str, Held]:
    return {f"instance {number}": instance.held for number, instance in enumerate(living, 1)}
