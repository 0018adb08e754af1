"""Whether a daemon is at work: by the process that the embedded journal's lock file names, and by the last scan."""

from __future__ import annotations

import os
import re
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta

from rotator.cli.opening import Place, journal_file
from rotator.engine.ages import spell

#: So many scans in a row must have been missed before anybody wonders.
_SCANS_MISSED = 3
_LEAST = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Liveness:
    """What can be told from beside the daemon. `running` is None where nothing tells."""

    running: bool | None
    scanned_at: datetime | None
    sentence: str

    @property
    def seems_down(self) -> bool:
        """Whether a request would probably lie about."""
        return self.running is False


def liveness(place: Place) -> Liveness:
    """How long ago the environments were scanned (the one that waits longest counts), and by whom if that is known."""
    journal, now = place.journal, place.journal.now()
    surveyed = [survey for name, survey in journal.surveyed().items() if name in place.policies.environments]
    seen = [survey.scanned_at for survey in surveyed if survey.digest]
    oldest = min(seen) if len(seen) == len(place.policies.environments) else None
    bound = max(place.settings.scan_every * _SCANS_MISSED, _LEAST)
    stale = oldest is None or now - oldest > bound
    held_up = any(survey.trouble for survey in surveyed)
    running = _holder_lives(place)
    if running is None and not held_up:
        running = not stale
    scanned = "nothing has been scanned yet" if oldest is None else f"last scan {spell(now - oldest)} ago"
    if running is False:
        return Liveness(False, oldest, f"{scanned}: no daemon seems to run; start it with `rotator run`")
    if stale and oldest is not None and not held_up:
        return Liveness(
            running, oldest, f"{scanned}, although every {spell(place.settings.scan_every)} is wanted"
        )
    return Liveness(running, oldest, scanned)


def _holder_lives(place: Place) -> bool | None:
    """Whether the process that last held the embedded journal is alive; None where that cannot be seen from here."""
    file = journal_file(place.settings)
    if file is None:
        return None
    try:
        words = file.with_name(f"{file.name}.lock").read_text(encoding="utf-8")
    except OSError:
        return False
    holder = re.match(r"process (\d+) on (\S+)", words)
    if holder is None or holder[2] != socket.gethostname():
        return None
    try:
        os.kill(int(holder[1]), 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's process
        return True
    return True
