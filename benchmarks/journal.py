"""What the journal costs: many rows at once, looks for work among them, and the single steps of a rotation.

The file is as durable as in production (synchronous=FULL), and so is PostgreSQL (fsync on), both on the disk of the
temporary folder. Single steps are medians of one thread.
"""

# ruff: noqa: TID251 - a benchmark measures real time

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path

from sqlalchemy import text

from benchmarks.figures import Figure, Size, Unmeasured, at_most
from rotator.contracts.journal import Opening, Told
from rotator.journal import SqlJournal, open_journal
from rotator.model.rotation import Phase, Rotation
from rotator.sandbox.postgres import EmbeddedPostgres, Missing
from rotator.testing.journal_contract.rows import MINUTE, OPENED, a_rotation, opened

STEP = Told("advanced", "accepted three times in a row")
YEAR = timedelta(days=365)


def measure(size: Size) -> Iterator[Figure]:
    """On PostgreSQL, whose figures have aims, and in a file."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rotator-bench-")))
        try:
            server = stack.enter_context(EmbeddedPostgres(folder / "postgres", fsync=True))
        except Missing as missing:
            raise Unmeasured(str(missing)) from missing
        urls = {"PostgreSQL": server.superuser_dsn(), "SQLite": f"sqlite:///{folder}/file/journal.sqlite"}
        for name, url in urls.items():
            with closing(open_journal(url, daemon=True, monotonic=time.monotonic)) as journal:
                yield from _steps(name, journal, size.of(300, 20))
                yield from _many(name, journal, size.of(100_000, 2_000))


def _steps(name: str, journal: SqlJournal, times: int) -> Iterator[Figure]:
    """Claimed, stepped with an event, and given back."""
    opened(journal)
    moments = [_cycle(journal) for _ in range(times)]
    method = f"median of {times}, one thread, each with its commit"
    for what, taken in zip(
        ("claim", "checkpoint with an event", "release"), zip(*moments, strict=True), strict=True
    ):
        yield Figure(f"{name}: {what}", statistics.median(taken) * 1000, "ms", method)
    (row,) = _claim(journal, YEAR)
    journal.checkpoint(row, row.model_copy(update={"run_at": journal.now() + YEAR}), release=True)


def _cycle(journal: SqlJournal) -> tuple[float, float, float]:
    began = time.perf_counter()
    (row,) = _claim(journal, MINUTE)
    claimed = time.perf_counter()
    row = journal.checkpoint(row, row.model_copy(update={"attempt": row.attempt + 1}), STEP, release=False)
    stepped = time.perf_counter()
    journal.checkpoint(row, row.model_copy(update={"run_at": row.opened_at}), release=True)
    return claimed - began, stepped - claimed, time.perf_counter() - stepped


def _many(name: str, journal: SqlJournal, rows: int) -> Iterator[Figure]:
    """Opened as a scan opens what is due; then they wait, and somebody looks for work."""
    later = journal.now() + YEAR
    openings = [Opening(a_rotation(journal, run_at=later), OPENED) for _ in range(rows)]
    took = _timed(lambda: journal.open_rotations(openings))
    yield Figure(
        f"{name}: {rows:,} rows submitted", took, "s",
        "rotations with their first event, by one call of open_rotations; nothing else in the journal", at_most(20),
    )  # fmt: skip
    with journal._db.writing() as connection:  # noqa: SLF001 - what autovacuum does within the minute
        connection.execute(text("ANALYZE"))
    looks = [_timed(lambda: _claim(journal, MINUTE)) for _ in range(300)]
    yield Figure(
        f"{name}: empty claim among {rows:,} waiting", statistics.median(looks) * 1000, "ms",
        f"median of {len(looks)} claims that find nothing due; 99 of 100 within "
        f"{statistics.quantiles(looks, n=100)[98] * 1000:.1f} ms", at_most(2),
    )  # fmt: skip


def _timed(call: Callable[[], object]) -> float:
    """Seconds."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _claim(journal: SqlJournal, lease: timedelta) -> list[Rotation]:
    return list(journal.claim_rotations("one", 1, Phase, lease))
