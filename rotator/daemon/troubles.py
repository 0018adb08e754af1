"""What is wrong right now, said when it begins or changes, now and then while it lasts, and once when it is over.

A database that is away fails every job and every worker every few seconds; one line each would bury the rest.
"""

from __future__ import annotations

import threading
import traceback
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import structlog

from rotator.contracts.clock import Clock

log = structlog.get_logger()

_SAID_AGAIN_AFTER = timedelta(minutes=5)


@dataclass
class Trouble:
    """One thing that does not work."""

    sentence: str
    begun: float
    said: float
    bug: str = ""  # what rotator itself did wrong, at some turn since it last worked
    bug_since: float = 0.0


class Troubles:
    """Shared by all threads of the daemon."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._now: dict[str, Trouble] = {}

    def arose(self, what: str, sentence: str, *, bug: bool = False) -> None:
        """`what` does not work, and why."""
        at = self._clock.monotonic()
        with self._lock:
            known = self._now.get(what)
            begun = known.begun if known else at
            trouble = Trouble(sentence, begun, at)
            if bug:
                trouble.bug, trouble.bug_since = sentence, at
            if known is not None and known.bug:
                trouble.bug, trouble.bug_since = trouble.bug or known.bug, known.bug_since
            if (
                known is not None
                and known.sentence == sentence
                and at - known.said < _SAID_AGAIN_AFTER.total_seconds()
            ):
                return
            self._now[what] = trouble
        say = log.error if bug else log.warning
        say("trouble", what=what, trouble=sentence, seconds=round(at - begun))

    def ended(self, what: str) -> None:
        """`what` works."""
        with self._lock:
            known = self._now.pop(what, None)
        if known is not None:
            seconds = round(self._clock.monotonic() - known.begun)
            log.info("trouble is over", what=what, trouble=known.sentence, seconds=seconds)

    def bugs(self, longer_than: timedelta) -> list[str]:
        """What has not worked for so long since a bug of ours was met in it, a sentence each.

        Other trouble in between ends nothing: only a turn that works does.
        """
        now = self._clock.monotonic()
        with self._lock:
            standing = [
                (what, trouble.bug)
                for what, trouble in self._now.items()
                if trouble.bug and now - trouble.bug_since > longer_than.total_seconds()
            ]
        return [f"{what} does not work: {bug}" for what, bug in sorted(standing)]


#: Where our own code lies, wherever it was installed.
_PACKAGE = Path(__file__).parents[1]


def place_of(error: BaseException) -> str:
    """Where an exception was raised, as file:line of ours if it passed there: a traceback may show values."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(_PACKAGE)]
    for frame in reversed(ours or frames):
        return f"{'/'.join(Path(frame.filename).parts[-3:])}:{frame.lineno}"
    return "an unknown place"
