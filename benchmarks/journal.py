"""What the journal costs: `python -m benchmarks.journal`, about a minute.

Medians of one thread, then how many steps of rotations eight threads take together. The file is as durable as in
production (synchronous=FULL), and so is PostgreSQL (fsync on), both on the disk of the temporary folder.
"""

# ruff: noqa: D103, SLF001, T201, TID251 - a benchmark prints, measures real time, and fills tables in bulk

from __future__ import annotations

import secrets
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path

from sqlalchemy import insert, text

from rotator.contracts.journal import Told
from rotator.journal import SqlJournal, open_journal, open_memory_journal
from rotator.journal.tables import rotation
from rotator.model.rotation import Phase, Rotation
from rotator.sandbox.postgres import EmbeddedPostgres, Missing
from rotator.testing.journal_contract.rows import MINUTE, a_rotation, opened

WAITING = 100_000
THREADS = 8
SECONDS = 3.0
STEP = Told("advanced", "accepted three times in a row")
YEAR = timedelta(days=365)


def main() -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rotator-benchmark-")))
        for name, journal in journals(folder, stack):
            measure(name, journal)


def journals(folder: Path, stack: ExitStack) -> Iterator[tuple[str, SqlJournal]]:
    """The journal in memory, in a file, and on PostgreSQL where there is one."""
    yield "SQLite in memory", stack.enter_context(closing(open_memory_journal()))
    yield (
        "SQLite in a file",
        stack.enter_context(closing(open_journal(f"sqlite:///{folder}/journal.sqlite", daemon=True))),
    )
    try:
        server = stack.enter_context(EmbeddedPostgres(folder / "postgres", fsync=True))
    except Missing as missing:
        print(f"PostgreSQL: skipped, {missing}")
        return
    yield "PostgreSQL", stack.enter_context(closing(open_journal(server.superuser_dsn(), daemon=True)))


def measure(name: str, journal: SqlJournal) -> None:
    print(name)
    show("open a rotation", timed(lambda: opened(journal), 100))
    for row in journal.claim_rotations("one", 100, Phase, MINUTE):
        journal.checkpoint(row, row.model_copy(update={"run_at": journal.now() + YEAR}), release=True)
    opened(journal)
    claims, told, quiet = cycles(journal, 400)
    show("claim", claims)
    show("checkpoint with an event", told)
    show("checkpoint without, releasing", quiet)
    print(f"  {'steps of ' + str(THREADS) + ' threads':<46}{together(journal):9.0f} a second")
    many_waiting(journal)
    show(f"claim of nothing among {WAITING:,} waiting", timed(lambda: claim(journal, MINUTE), 300))
    opened(journal)
    show("claim of the one that is due among them", cycles(journal, 100)[0])


def timed(call: Callable[[], object], times: int) -> list[float]:
    """Seconds of each call."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return taken


def show(what: str, taken: list[float]) -> None:
    middle, slow = statistics.median(taken) * 1e6, statistics.quantiles(taken, n=100)[98] * 1e6
    print(f"  {what:<46}{middle:9.0f} µs, 99 of 100 within {slow:.0f} µs")


def claim(journal: SqlJournal, lease: timedelta) -> list[Rotation]:
    return list(journal.claim_rotations("one", 1, Phase, lease))


def step(journal: SqlJournal, row: Rotation) -> Rotation:
    return journal.checkpoint(row, row.model_copy(update={"attempt": row.attempt + 1}), STEP, release=False)


def give_back(journal: SqlJournal, row: Rotation) -> Rotation:
    return journal.checkpoint(row, row.model_copy(update={"run_at": row.opened_at}), release=True)


def cycles(journal: SqlJournal, times: int) -> tuple[list[float], list[float], list[float]]:
    """Seconds of claiming the one rotation that is due, of a step, and of giving it back."""
    moments = []
    for _ in range(times):
        began = time.perf_counter()
        (row,) = claim(journal, MINUTE)
        claimed = time.perf_counter()
        row = step(journal, row)
        stepped = time.perf_counter()
        give_back(journal, row)
        moments.append((claimed - began, stepped - claimed, time.perf_counter() - stepped))
    claims, told, quiet = zip(*moments, strict=True)
    return list(claims), list(told), list(quiet)


def together(journal: SqlJournal) -> float:
    """Claimed, stepped and given back by all threads, a second."""
    for _ in range(THREADS * 2):
        opened(journal)
    over, counts = threading.Event(), [0] * THREADS

    def work(number: int) -> None:
        while not over.is_set():
            for row in journal.claim_rotations(f"worker {number}", 1, Phase, MINUTE):
                give_back(journal, step(journal, row))
                counts[number] += 1

    with ThreadPoolExecutor(THREADS) as pool:
        running = [pool.submit(work, number) for number in range(THREADS)]
        time.sleep(SECONDS)
        over.set()
        for each in running:
            each.result()
    for row in journal.claim_rotations("one", THREADS * 2, Phase, MINUTE):
        journal.checkpoint(row, row.model_copy(update={"run_at": journal.now() + YEAR}), release=True)
    opened(journal)
    return sum(counts) / SECONDS


def many_waiting(journal: SqlJournal) -> None:
    """Rotations in grace; the one that is due is claimed for long."""
    claim(journal, YEAR)
    draft = a_rotation(journal, run_at=journal.now() + YEAR, phase=Phase.GRACE)
    for _ in range(WAITING // 10_000):
        names = [secrets.token_hex(8) for _ in range(10_000)]
        rows = [
            {**dict(draft), "id": name, "principal": name, "last_sequence": 0, "previous_hash": ""}
            for name in names
        ]
        with journal._db.writing() as connection:
            connection.execute(insert(rotation), rows)
    with journal._db.writing() as connection:
        connection.execute(text("ANALYZE"))


if __name__ == "__main__":
    main()
