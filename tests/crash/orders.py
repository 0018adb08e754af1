"""What the rig orders of daemons that run, and what they say: files in one folder.

An order holds until the next one. So the daemon that brought one rotation to its end is the one that dies in the
next: as many starts as kills, and none dies fresh from its start.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple


class Point(NamedTuple):
    """One place to kill at: `when` is before or after the call."""

    name: str
    when: str

    def __str__(self) -> str:
        return f"{self.when} {self.name}"


class Order(NamedTuple):
    """The place to die at, or the effect to freeze at, between guard and send; both empty: go on in peace."""

    kill: Point | None = None
    freeze: str = ""


class Mailbox:
    """Both sides of it. The rig gives orders; a daemon asks for the newest and says what it passed since."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._order = folder / "order.json"
        self._number = 0
        self._read = (0, 0)

    def give(self, order: Order) -> None:
        """From now on this holds, and what is passed is counted anew."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._number += 1
        written = self._order.with_suffix(".new")
        written.write_text(json.dumps([self._number, *order]))
        written.replace(self._order)

    def newest(self) -> Order | None:
        """The order, if it is another than when it was asked for last."""
        stat = self._order.stat()
        there = stat.st_ino, stat.st_mtime_ns
        if there == self._read:
            return None
        self._number, kill, freeze = json.loads(self._order.read_text())
        self._read = there
        return Order(Point(*kill) if kill else None, freeze)

    def passed(self, name: str) -> None:
        """Says that a call, or an effect inside it, was reached."""
        with self._trace.open("a") as trace:
            trace.write(f"{name}\n")

    def trace(self) -> list[str]:
        """Everything that was passed under this order, by whichever daemon."""
        return self._trace.read_text().splitlines() if self._trace.exists() else []

    def imported(self, names: Iterable[str]) -> None:
        """Says which modules a daemon has loaded, in their order."""
        written = self._imports.with_suffix(".new")
        written.write_text("\n".join(names))
        written.replace(self._imports)

    def imports(self) -> list[str]:
        """What a daemon has loaded that came through a rotation."""
        return self._imports.read_text().splitlines() if self._imports.exists() else []

    @property
    def _imports(self) -> Path:
        return self.folder / "imports"

    @property
    def _trace(self) -> Path:
        return self.folder / f"trace-{self._number}"
