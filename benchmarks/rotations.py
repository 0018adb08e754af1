"""What a rotation costs rotator itself: no-op rotations a second on PostgreSQL, and the CPU and commits of each."""

# ruff: noqa: TID251 - a benchmark measures real time

from __future__ import annotations

import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg

from benchmarks.figures import Figure, Size, Unmeasured, at_least, at_most
from benchmarks.noop import open_all, policies_of
from benchmarks.worker_process import PATIENCE, Spent, Task, work
from rotator.journal import SqlJournal, open_journal
from rotator.model.rotation import State
from rotator.sandbox.postgres import EmbeddedPostgres, Missing
from rotator.sealers.keyfile import KeyFile

#: As the daemon has them unless settings say otherwise.
THREADS = 4
_COMMITS = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"


@dataclass(frozen=True, slots=True)
class Team:
    """What some worker processes achieved."""

    a_second: float  # the median round
    cpu: float  # milliseconds a rotation, the median round
    commits: float  # a rotation


def measure(size: Size) -> Iterator[Figure]:
    """1 and 4 worker processes, and one thread alone."""
    secrets, rounds = size.of(300, 40), size.of(5, 1)
    with tempfile.TemporaryDirectory(prefix="rotator-bench-") as name:
        folder = Path(name)
        KeyFile.generate(folder / "key")
        try:
            server = EmbeddedPostgres(folder / "postgres", fsync=True)
        except Missing as missing:
            raise Unmeasured(str(missing)) from missing
        with server, closing(open_journal(server.superuser_dsn(), daemon=True)) as journal:
            task = Task(server.superuser_dsn(), folder / "key", secrets, THREADS, rounds + 1)
            one, four = _played(journal, task, 1), _played(journal, task, 4)
    how = f"{secrets} secrets, the median of {rounds} rounds; PostgreSQL with fsync on the same machine"
    yield Figure(
        "no-op rotations, 1 worker", one.a_second, "1/s",
        f"real engine and journal, adapters that only answer; one process with the daemon's {THREADS} threads; {how}",
        at_least(150),
    )  # fmt: skip
    yield Figure(
        "no-op rotations, 4 workers", four.a_second, "1/s", f"the same with four such processes; {how}",
        at_least(190),
    )  # fmt: skip
    yield Figure(
        "CPU of a no-op rotation", one.cpu, "ms",
        "CPU time of the one worker process, its log included, by rotations: the median round", at_most(5),
    )  # fmt: skip
    yield Figure(
        "commits of a no-op rotation", one.commits, "commits",
        "xact_commit of pg_stat_database over the life of the one worker process, looks included, by rotations",
        at_most(9),
    )  # fmt: skip
    yield Figure(
        "commits of a no-op rotation, 4 workers", four.commits, "commits", "the same for the four processes"
    )
    yield Figure("CPU of a no-op rotation, 4 workers", four.cpu, "ms", "the same for the four processes")


def _played(journal: SqlJournal, task: Task, processes: int) -> Team:
    """All rounds; the first only warms up."""
    spawning = multiprocessing.get_context("spawn")
    together, told = spawning.Barrier(processes + 1), spawning.Queue()
    team = [spawning.Process(target=work, args=(task, together, told), daemon=True) for _ in range(processes)]
    policies = policies_of(task.secrets)
    before = _commits(task.url)
    for process in team:
        process.start()
    rounds: list[list[Spent]] = []
    for _ in range(task.rounds):
        open_all(journal, policies)
        together.wait(PATIENCE)
        together.wait(PATIENCE)
        rounds.append([told.get(timeout=PATIENCE) for _ in team])
    for process in team:
        process.join(PATIENCE)
    _must_be_done(journal, task)
    commits = (_commits(task.url) - before) / (task.rounds * task.secrets)
    measured = rounds[1:]
    return Team(
        statistics.median(task.secrets / _seconds(spent) for spent in measured),
        statistics.median(1000 * sum(one.cpu for one in spent) / task.secrets for spent in measured),
        commits,
    )


def _seconds(spent: list[Spent]) -> float:
    """From the first that began to the last that ended: the monotonic clock is one for the machine."""
    return max(one.ended for one in spent) - min(one.began for one in spent)


def _must_be_done(journal: SqlJournal, task: Task) -> None:
    """What parked, or did not end, was no measurement."""
    states = [row.state for row in journal.rotations(limit=task.rounds * task.secrets)]
    if set(states) != {State.DONE}:
        raise Unmeasured(f"not every rotation ended done: {sorted(set(states))}")


def _commits(url: str) -> int:
    """So far; sessions that have ended have told theirs."""
    time.sleep(1.1)  # a session tells at most once a second
    with psycopg.connect(url) as connection:
        row = connection.execute(_COMMITS).fetchone()
    assert row is not None, "the database is there"
    return int(row[0])
