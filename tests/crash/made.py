"""Every credential that create() ever returned, also those of rotations that were undone or never recorded it.

The daemon under test writes each down before anything else can happen to it, in a file beside the searched folders:
what the source accepts and what stands in a journal is judged by it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rotator.model.secrets import Credential


class Minted(NamedTuple):
    """One field of a credential: the rotation for which that was made, its id, and the field's value."""

    rotation: str
    id: str
    value: str


class Made:
    """The file at `path`. It is read on from where it was read to: probers ask some fifteen times a second."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reading, self._read_to = threading.Lock(), 0
        self._all: tuple[Minted, ...] = ()

    def noting(self, create: Callable[..., Credential]) -> Callable[..., Credential]:
        """create(), with what it returns written down."""

        def noted(label: str, *given: Any) -> Credential:
            made = create(label, *given)
            for sealed in made.fields.values():
                self.note(Minted(label, made.id, sealed.reveal()))
            return made

        return noted

    def note(self, minted: Minted) -> None:
        """Writes one down."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._path.open("a") as made:
            made.write(f"{json.dumps(minted)}\n")

    def all(self) -> Sequence[Minted]:
        """All of them, in order."""
        with self._reading:
            if self._path.exists() and self._path.stat().st_size > self._read_to:
                with self._path.open("rb") as made:
                    made.seek(self._read_to)
                    whole, ending, _begun = made.read().rpartition(b"\n")  # somebody may be writing
                self._read_to += len(whole + ending)
                self._all += tuple(Minted(*json.loads(line)) for line in whole.splitlines())
            return self._all
