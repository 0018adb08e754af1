"""One process of workers, as a replica of the daemon has them: threads that claim and advance until nothing is due."""

# ruff: noqa: TID251 - a benchmark measures real time

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

from benchmarks.noop import NoOpParts, policies_of
from rotator.daemon.logs import start_logging
from rotator.engine.worker import Worker
from rotator.journal import open_journal

#: Whoever waits longer for the others has lost one of them.
PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Task:
    """What a process works on: so many rounds of rotations of so many secrets."""

    url: str
    key_file: Path
    secrets: int
    threads: int
    rounds: int


@dataclass(frozen=True, slots=True)
class Spent:
    """One process in one round: how many rows it advanced, when it ended, and the CPU that this took, in seconds."""

    advanced: int
    began: float
    ended: float
    cpu: float


def work(task: Task, together: Barrier, told: Queue[Spent]) -> None:
    """Plays the rounds. Twice a round all processes and their parent meet: before it and after it."""
    os.dup2(
        os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno()
    )  # its log is written as ever, and read by nobody
    start_logging(human=False, level="info")
    logging.captureWarnings(capture=True)
    with closing(open_journal(task.url, daemon=True, monotonic=time.monotonic)) as journal:
        parts = NoOpParts(journal, task.key_file, policies_of(task.secrets))
        team = [Worker(parts, f"{os.getpid()}-{number}") for number in range(task.threads)]
        for _ in range(task.rounds):
            together.wait(PATIENCE)
            told.put(_round(team))
            together.wait(PATIENCE)


def _round(team: list[Worker]) -> Spent:
    counts = [0] * len(team)
    began, cpu = time.monotonic(), time.process_time()

    def advance(number: int) -> None:
        while advanced := team[number].work():
            counts[number] += advanced

    threads = [threading.Thread(target=advance, args=(number,)) for number in range(len(team))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Spent(sum(counts), began, time.monotonic(), time.process_time() - cpu)
