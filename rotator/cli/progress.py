"""Progress of what is followed: one line for each step, and on a terminal a bar below them that moves."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from rotator.cli.show import say
from rotator.model.printable import printable

if TYPE_CHECKING:
    from rich import progress as rich


@dataclass(frozen=True, slots=True)
class Seen:
    """How something stands: what it is about, the step, how long it has taken, and what is left as far as is known."""

    about: str
    sentence: str
    elapsed: timedelta
    remaining: str = ""
    done: int = 0
    total: int = 0


class Progress(Protocol):
    """Where steps are shown."""

    def step(self, seen: Seen) -> None:
        """Shows how it stands; said once for each sentence."""

    def end(self, about: str, sentence: str, *, well: bool) -> None:
        """Says how it ended."""


@contextmanager
def progress() -> Iterator[Progress]:
    """Bars on a terminal that can move its cursor, lines everywhere else."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield Lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(20),
        TextColumn("{task.fields[clock]}", markup=False),
        TextColumn("{task.fields[remaining]}", markup=False),
    )
    with Bars(*columns, console=Console(stderr=True, highlight=False), transient=True) as bars:
        yield Moving(bars)


@dataclass
class Lines:
    """One line for each step: for logs, and for terminals that cannot move their cursor."""

    _said: dict[str, str] = field(default_factory=dict, init=False)

    def step(self, seen: Seen) -> None:
        """Says a sentence that is new."""
        if self._said.get(seen.about) != seen.sentence:
            self._said[seen.about] = seen.sentence
            left = f" ({seen.remaining})" if seen.remaining else ""
            self.say(f"{clock(seen.elapsed):>7}  {seen.about}: {seen.sentence}{left}")

    def end(self, about: str, sentence: str, *, well: bool) -> None:
        """Says how it ended; what comes after that is said anew."""
        self._said.pop(about, None)
        self.say(f"{'' if well else 'FAILED  '}{about}: {sentence}")

    def say(self, line: str) -> None:
        """Where the lines go."""
        say(line)


@dataclass
class Moving(Lines):
    """The same lines, above a bar for each that is under way."""

    bars: rich.Progress
    _tasks: dict[str, rich.TaskID] = field(default_factory=dict, init=False)

    def step(self, seen: Seen) -> None:
        """Says a sentence that is new, and moves the bar."""
        super().step(seen)
        if seen.about not in self._tasks:
            self._tasks[seen.about] = self.bars.add_task(seen.about, total=None, clock="", remaining="")
        self.bars.update(
            self._tasks[seen.about],
            completed=seen.done,
            total=seen.total or None,
            clock=clock(seen.elapsed),
            remaining=seen.remaining,
        )

    def end(self, about: str, sentence: str, *, well: bool) -> None:
        """Says how it ended, and takes its bar away."""
        super().end(about, sentence, well=well)
        if about in self._tasks:
            self.bars.remove_task(self._tasks.pop(about))

    def say(self, line: str) -> None:
        """Above the bars."""
        self.bars.console.print(printable(line), markup=False, soft_wrap=True)


def clock(span: timedelta) -> str:
    """A running time: 0:42, 12:05, 3:00:00."""
    minutes, seconds = divmod(max(0, int(span.total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
