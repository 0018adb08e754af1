"""Whether a daemon is at work: by the process that the embedded journal's lock file names, and by the last scan."""

from __future__ import annotations

import os
import re
import socket
from dataclasses import dataclass
from datetime import datetime

from rotator.cli.opening import Place, Unusable, journal_file
from rotator.engine.report.scans import scans_of


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
    journal, running = place.journal, _holder_lives(place)
    try:
        policies = place.policies
    except Unusable:  # a yes to another one may be what the daemon's start waits for
        return Liveness(running, None, "no policy can be read here; start the daemon with `rotator run`")
    scans = scans_of(journal.surveyed(), policies, journal.now(), place.settings.scan_every)
    if running is None and not scans.held_up:
        running = not scans.late
    if running is False:
        return Liveness(
            False,
            scans.oldest,
            f"{scans.ago}: no daemon seems to run; start it with `rotator run`",
        )
    return Liveness(running, scans.oldest, scans.sentence)


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
