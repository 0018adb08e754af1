"""Which version of a parameter was the current one at some moment, as far as records tell."""

from __future__ import annotations

from bisect import bisect_right, insort
from datetime import datetime

#: So many changes of a parameter are remembered; SSM keeps a hundred.
_MOST = 100


class Versions:
    """Versions by parameter, as records tell them. Nothing known is an honest answer."""

    def __init__(self) -> None:
        self._known: dict[str, list[tuple[datetime, int, bool]]] = {}

    def saw(self, parameter: str, at: datetime, version: int) -> None:
        """The parameter had at least this version at that moment: somebody read it, or a scan saw it."""
        self._note(parameter, (at, version, False))

    def wrote(self, parameter: str, at: datetime, version: int) -> None:
        """Somebody wrote it, and it became this version; 0 when it was deleted, after which numbers begin anew."""
        self._note(parameter, (at, version, True))

    def least(self, parameter: str, at: datetime) -> int | None:
        """The lowest that the current version can have been then; None where no record tells.

        What was there before still was, or something newer; and the next write made one of the version right below.
        """
        known = self._known.get(parameter, [])
        place = bisect_right(known, at, key=lambda one: one[0])
        least = 0
        for _moment, version, _written in known[:place]:
            least = max(least, version) if version else 0
        later = next((version for _moment, version, written in known[place:] if written), 0)
        return max(least, later - 1) or None

    def _note(self, parameter: str, one: tuple[datetime, int, bool]) -> None:
        known = self._known.setdefault(parameter, [])
        insort(known, one)
        del known[: max(0, len(known) - _MOST)]
