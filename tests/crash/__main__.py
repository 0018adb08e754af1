"""`python -m tests.crash [--part ci|all] [--source jwt] [--journal sqlite]`: the whole matrix, or a part of it.

For each source and journal one rotation is traced; then each point of the trace gets a rotation of its own in which
the daemon is killed before it, and one in which it is killed after it. Ends with
`crash points N, dark 0, lost 0, orphans 0, stuck 0, leaks 0`, exit code 1 when anything is not zero.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import psycopg
from psycopg import sql

from rotator.sandbox.postgres import EmbeddedPostgres
from rotator.sandbox.processes import NotReady
from tests.crash.freeze import rotate_frozen
from tests.crash.rig import SOURCES, Findings, Lane
from tests.crash.tripwire import Point

#: Phases in which a worker is frozen between guard and send.
_FROZEN = ("activate", "announce", "store", "disable", "forget", "remove", "redeploy", "confirm")
_FROZEN_IN_CI = ("store",)
#: On PostgreSQL each point waits for a dead owner's claim, so its lane is shared out.
_SHARES = {"sqlite": 1, "postgresql": 3}
#: In CI every so many points, and one journal after the other in turn.
_CI_STRIDE = 7


class Share(NamedTuple):
    """A share of the points of one source on one kind of journal."""

    source: str
    journal: str
    number: int
    of: int

    @property
    def name(self) -> str:
        """For folders, databases and people."""
        return f"{self.source}-{self.journal}-{self.number}"


def main() -> int:
    """Runs the lanes side by side and prints what was found."""
    options = _options()
    lanes = [
        Share(source, journal, number, _SHARES[journal])
        for source in options.source
        for journal in options.journal
        for number in range(_SHARES[journal])
    ]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="rotator-crash-") as name:
        folder = Path(name)
        with EmbeddedPostgres(folder / "journals") as journals, ThreadPoolExecutor(options.lanes) as pool:
            ended = list(pool.map(lambda share: _sweep(share, folder, journals, options.part), lanes))
    total: dict[str, list[str]] = {
        what: [one for _, findings in ended for one in getattr(findings, what)]
        for what in Findings.__dataclass_fields__
    }
    for what, found in total.items():
        for one in found:
            print(f"{what}: {one}")
    points = sum(count for count, _ in ended)
    print(f"{time.monotonic() - began:.0f} s")
    print(f"crash points {points}, " + ", ".join(f"{what} {len(found)}" for what, found in total.items()))
    return 1 if not points or any(total.values()) else 0


def _sweep(share: Share, folder: Path, journals: EmbeddedPostgres, part: str) -> tuple[int, Findings]:
    """A share of one lane's points, or of every few of them in CI."""
    home = folder / share.name
    lane = Lane(share.source, home, _journal_url(share, home, journals)).start()
    killed = 0
    try:
        trace = home / "trace.jsonl"
        lane.rotate(CRASH_TRACE=str(trace))
        names = list(dict.fromkeys(json.loads(line) for line in trace.read_text().splitlines()))
        points = [Point(name, when) for name in names for when in ("before", "after")]
        if part == "ci":
            offset = (list(SOURCES).index(share.source) * 2 + (share.journal == "sqlite")) % _CI_STRIDE
            points = points[offset::_CI_STRIDE]
        for point in points[share.number :: share.of]:
            killed += lane.rotate_killed_at(point)
        if share.journal == "postgresql":
            frozen = _FROZEN_IN_CI if part == "ci" else _FROZEN
            killed += sum(rotate_frozen(lane, phase) for phase in frozen[share.number :: share.of])
        lane.leaks()
    except NotReady as trouble:
        lane.findings.stuck.append(f"{share.name}: {trouble}")
    finally:
        lane.stop()
    print(f"{share.name}: {killed} points", flush=True)
    return killed, lane.findings


def _journal_url(share: Share, home: Path, journals: EmbeddedPostgres) -> str:
    if share.journal == "sqlite":
        return f"sqlite:///{home}/journal.sqlite"
    name = share.name.replace("-", "_")
    with psycopg.connect(journals.superuser_dsn(), autocommit=True) as session:
        session.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return journals.superuser_dsn(name)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--part", choices=("all", "ci"), default="all")
    parser.add_argument("--source", choices=tuple(SOURCES), action="append")
    parser.add_argument("--journal", choices=("sqlite", "postgresql"), action="append")
    parser.add_argument("--lanes", type=int, default=12, help="how many run side by side")
    options = parser.parse_args()
    options.source = options.source or list(SOURCES)
    options.journal = options.journal or ["sqlite", "postgresql"]
    return options


if __name__ == "__main__":
    sys.exit(main())
