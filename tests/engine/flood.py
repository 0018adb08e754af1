"""A process of its own in which records of a trail are read and judged: what it prints is how much memory that took.

A process, since what others have used before cannot be told from the most that this one ever needed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, cast

from rotator.contracts.trail import Delivery
from rotator.journal import MemoryJournal, open_journal
from rotator.model.access import Asked
from rotator.model.watch import Sighting
from rotator.testing.virtual_clock import VirtualClock
from tests.engine.things import HOUR, NOW, policies
from tests.engine.watch_world import MALLORY, WatchedWorld, role

#: As many of CloudTrail's records as one file of it may hold come in one piece.
EACH = 500
FOREIGN = "999900001111"


def flood(world: WatchedWorld, records: int) -> Iterator[Delivery]:
    """A stranger who reads one secret all the time; with each piece one of another account and one that is none."""
    for number in range(records // EACH):
        for _ in range(EACH):
            world.reads(MALLORY, "A")
        theirs = (Asked("/taly/production/A", FOREIGN),)
        world.reads(role("theirs", FOREIGN), asked=theirs, account=FOREIGN)
        many = [one for delivery in world.trail.waits for one in delivery.accesses]
        world.trail.waits.clear()
        world.delivers(*many, malformed=(f"a record is none ({number})",))
        yield world.trail.waits.pop()


def measured(folder: Path, records: int) -> dict[str, Any]:
    """What people hear of so many records, and by how many MiB the process grew; its journal is a file."""
    clock = VirtualClock(NOW)
    with closing(open_journal(f"sqlite:///{folder}/journal", daemon=True, now=clock.now)) as journal:
        world = WatchedWorld(clock, cast(MemoryJournal, journal), policies())
        world.begins("A")
        world.watches(HOUR)  # everything is loaded
        before = _peak()
        world.trail.poll = lambda progress: flood(world, records)  # type: ignore[method-assign] # it tells this
        world.turn()
        world.trail.poll = lambda progress: iter(())  # type: ignore[method-assign] # nothing more
        world.passes(HOUR)
        world.turn()
        grew = _peak() - before
        for _ in range(3):
            world.tell()
        found: list[Sighting] = world.seen()
        return {
            "sightings": [(one.kind, one.principal, one.times, len(one.samples)) for one in found],
            "told": sorted(alert.kind for _, alert in world.slack.read),
            "waits": len(journal.held_accesses(10)),
            "grew": grew,
        }


def _peak() -> float:
    """MiB that this process held at most. getrusage() would tell what the one held that started it."""
    (line,) = (
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")
    )
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    print(json.dumps(measured(Path(sys.argv[1]), int(sys.argv[2]))))
