"""Complaints about a policy file: where it is, what is wrong, what is allowed, what was probably meant.

They are collected and never raised, so that one run shows everything that is wrong.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from functools import lru_cache

from rotator.model.printable import printable

#: Keys and list indices from the top of the file.
Path = tuple[str | int, ...]

_LONGEST_WORD = 30
_MOST_COMPARED = 20_000


class Severity(StrEnum):
    """An error keeps the file from being used; a note is worth knowing."""

    ERROR = "error"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the file; both count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Complaint:
    """One thing to say about one place. The sentence never holds a value that might be a secret."""

    source: str
    line: int
    column: int
    path: str
    sentence: str
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        kind = "note: " if self.severity is Severity.NOTE else ""
        path = f"{self.path}: " if self.path else ""
        return f"{self.source}:{self.line}: {kind}{path}{self.sentence}"


class Complaints:
    """The complaints about one file, each once, and the place of every path in it."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.marks: dict[Path, Mark] = {}
        self._found: dict[Complaint, None] = {}
        self._doubtful: set[Path] = set()

    def error(self, path: Path, sentence: str) -> None:
        """Something that keeps the file from being used; silent where `path` was complained about already."""
        if not self.doubts(path):
            self._add(self.mark(path), path, sentence, Severity.ERROR)

    def note(self, path: Path, sentence: str) -> None:
        """Something worth knowing."""
        self._add(self.mark(path), path, sentence, Severity.NOTE)

    def malformed(self, path: Path, sentence: str, mark: Mark | None = None) -> None:
        """A part that is not what it should be; nothing more is said about it or what it is part of."""
        self._add(mark or self.mark(path), path, sentence, Severity.ERROR)
        self.doubt(path)

    def doubt(self, path: Path) -> None:
        """Nothing more is said about `path` or what it is part of."""
        self._doubtful.update(path[:length] for length in range(1, len(path) + 1))

    def doubts(self, path: Path) -> bool:
        """Whether something at or below `path`, or `path` as part of it, was malformed."""
        return path in self._doubtful

    @property
    def trusted(self) -> bool:
        """Whether nothing was malformed: then no path has to be asked about."""
        return not self._doubtful

    def mark(self, path: Path) -> Mark:
        """Where `path` is, or the nearest thing above it."""
        while path and path not in self.marks:
            path = path[:-1]
        return self.marks.get(path, Mark(1, 1))

    def on_line(self, line: int) -> bool:
        """Whether something in that line was complained about."""
        return any(complaint.line == line for complaint in self._found)

    def all(self) -> tuple[Complaint, ...]:
        """Everything, in the order of the file."""
        return tuple(sorted(self._found, key=lambda complaint: (complaint.line, complaint.column)))

    def _add(self, mark: Mark, path: Path, sentence: str, severity: Severity) -> None:
        if path and isinstance(path[-1], int) and path not in self.marks:
            path = path[:-1]  # a single value that stands for a list of one
        complaint = Complaint(self.source, mark.line, mark.column, spell_path(path), sentence, severity)
        self._found[complaint] = None


def spell_path(path: Path) -> str:
    """A path as people read it: `freezes[0].from`."""
    spelled = ""
    for part in path:
        spelled += f"[{part}]" if isinstance(part, int) else f".{shorten(part)}"
    return spelled.removeprefix(".")


def unknown(what: str, word: str, known: Collection[str]) -> str:
    """The sentence for a name that nothing bears, with the nearest one that exists."""
    return f"unknown {what} '{shorten(word)}'{hint(word, known)}"


def hint(word: str, known: Collection[str]) -> str:
    """What was probably meant, or else what there is."""
    if meant := nearest(word, frozenset(known)):
        return f" (did you mean '{meant}'?)"
    return f" (there is {listed(sorted(known))})" if known else " (none is defined)"


def nearest(word: str, known: frozenset[str], cutoff: float = 0.6) -> str | None:
    """The name that is nearly the same. Not looked for where it would take long: each pair is compared."""
    if len(word) > 80 or len(known) > 1000 or not _may_compare(len(known)):
        return None
    return _nearest(word, known, cutoff)


@lru_cache(maxsize=1024)
def _nearest(word: str, known: frozenset[str], cutoff: float) -> str | None:
    return next(iter(get_close_matches(word, known, n=1, cutoff=cutoff)), None)


#: How many names may still be compared, in a list of one; None: all that there are.
_guesses = ContextVar[list[int] | None]("guesses", default=None)


def _may_compare(names: int) -> bool:
    left = _guesses.get()
    if left is None:
        return True
    left[0] -= names
    return left[0] >= 0


@contextmanager
def bounded_guesses() -> Iterator[None]:
    """Within it names are compared for about a second: of a file full of mistakes the last ones get no guess."""
    token = _guesses.set([_MOST_COMPARED])
    try:
        yield
    finally:
        _guesses.reset(token)


def listed(words: Iterable[str], most: int = 20) -> str:
    """`a, b, c and 4 more`."""
    named = list(words)
    shown = ", ".join(named[:most])
    return f"{shown} and {len(named) - most} more" if len(named) > most else shown


def shorten(word: str) -> str:
    """The word as one may show it; of a long one, which may be a secret in the wrong place, only how it begins."""
    word = printable(word)
    return word if len(word) <= _LONGEST_WORD else f"{word[:8]}…"
