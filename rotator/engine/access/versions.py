"""Which version of a parameter was the current one at some moment, as far as records tell."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple


class _Told(NamedTuple):
    """What one record tells."""

    at: datetime
    version: int  # 0 when it was deleted
    written: bool  # it became this version then; else it had it already


class Versions:
    """Versions by parameter, as records tell them. Nothing known is an honest answer.

    All that is told is kept: were the oldest forgotten, a hundred reads of the current version by number would hide
    who read an old one before them.
    """

    def __init__(self) -> None:
        self._told: dict[str, list[_Told]] = {}
        self._lines: dict[str, _Line] = {}

    def saw(self, parameter: str, at: datetime, version: int) -> None:
        """The parameter had at least this version at that moment: somebody read it, or a scan saw it."""
        self._note(parameter, _Told(at, version, written=False))

    def wrote(self, parameter: str, at: datetime, version: int) -> None:
        """Somebody wrote it, and it became this version; 0 when it was deleted, after which numbers begin anew."""
        self._note(parameter, _Told(at, version, written=True))

    def least(self, parameter: str, at: datetime) -> int | None:
        """The lowest that the current version can have been then; None where no record tells.

        What was there before still was, or something newer; and the next write made one of the version right below.
        """
        if parameter not in self._lines:
            self._lines[parameter] = _Line(self._told.get(parameter, ()))
        return self._lines[parameter].least(at)

    def _note(self, parameter: str, told: _Told) -> None:
        self._told.setdefault(parameter, []).append(told)
        self._lines.pop(parameter, None)


class _Line:
    """What was told of one parameter, in the order of time, and what is known from each moment on."""

    def __init__(self, told: Iterable[_Told]) -> None:
        ordered = sorted(told)
        self._moments = [one.at for one in ordered]
        self._least = [0]
        for one in ordered:
            self._least.append(max(self._least[-1], one.version) if one.version else 0)
        self._next_written = [0]
        for one in reversed(ordered):
            self._next_written.append(one.version if one.written else self._next_written[-1])
        self._next_written.reverse()

    def least(self, at: datetime) -> int | None:
        place = bisect_right(self._moments, at)
        return max(self._least[place], self._next_written[place] - 1) or None
