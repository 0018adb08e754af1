"""The status page of an installation in which everything is under way: what a look costs, and what a viewer costs."""

# ruff: noqa: TID251 - a benchmark measures real time

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from benchmarks.figures import Figure, Size, at_most
from benchmarks.noop import ENVIRONMENT, open_all, policies_of
from rotator.clock import SystemClock
from rotator.engine.heartbeat import Process
from rotator.engine.report.overview import overview
from rotator.journal import SqlJournal, open_journal
from rotator.model.observations import Observed, Surveyed
from rotator.model.policy import Policies
from rotator.web.looks import Look, Looks
from rotator.web.status_page import Asked, page

T = TypeVar("T")

AGE = timedelta(days=91)
VIEWS = 1000


def measure(size: Size) -> Iterator[Figure]:
    """On a journal in a file, with a rotation of every secret."""
    number = size.of(5000, 200)
    how = f"CPU; {number:,} secrets, a rotation of each under way, SQLite in a file"
    with _under_way(number) as (journal, policies):
        took, seen = _cpu(lambda: overview(journal, policies, Process()))
        yield Figure("the page's look at the journal", took, "s", how, at_most(2))
        took, made = _cpu(lambda: b"".join(page(seen, Asked(), ())))
        yield Figure("the page made of it", took * 1000, "ms", how, at_most(500))
        yield Figure(
            "the page", len(made) / 1000, "kB", f"{number:,} secrets, a hundred of a section", at_most(500)
        )
        took, _ = _cpu(lambda: Look(seen, journal.now()).document(()))
        yield Figure("its JSON, packed", took, "s", how, at_most(2))
        looks = Looks(journal, lambda: policies, Process, SystemClock())
        looks.page(Asked())
        took, _ = _cpu(lambda: [looks.page(Asked()) for _ in range(VIEWS)])
        yield Figure(
            "one more viewer", took / VIEWS * 1000, "ms", f"CPU; mean of {VIEWS:,}, one look", at_most(1)
        )
    with multiprocessing.get_context("spawn").Pool(1) as alone:  # this process has been bigger before
        grown = alone.apply(_grown, (number,))
    method = "growth of a process's peak, two looks at once; a process of its own"
    yield Figure("memory for it", grown, "MiB", method, at_most(150))


def _grown(number: int) -> float:
    """By how many MiB a process grows that shows the page, while it holds two looks."""
    with _under_way(number) as (journal, policies):
        before = _memory()
        seen = overview(journal, policies, Process())
        b"".join(page(seen, Asked(), ()))
        Look(seen, journal.now()).document(())
        Looks(journal, lambda: policies, Process, SystemClock()).page(Asked())
        return _memory() - before


@contextmanager
def _under_way(number: int) -> Iterator[tuple[SqlJournal, Policies]]:
    """A journal of so many secrets, with a rotation of each."""
    policies = policies_of(number)
    with (
        tempfile.TemporaryDirectory(prefix="rotator-bench-") as folder,
        closing(
            open_journal(f"sqlite:///{Path(folder)}/journal.sqlite", daemon=True, monotonic=time.monotonic)
        ) as journal,
    ):
        now = journal.now()
        journal.note_observed(
            Observed(
                secret=one.secret, observed_at=now, versions={f"/taly/{one.secret}": 1}, modified_at=now - AGE
            )
            for one in policies.secrets.values()
        )
        open_all(journal, policies)
        journal.note_surveyed(
            Surveyed(environment=ENVIRONMENT, scanned_at=now, agreed=True, digest="scanned")
        )
        yield journal, policies


def _cpu(do: Callable[[], T]) -> tuple[float, T]:
    """Seconds of CPU, and what came of it."""
    began = time.process_time()
    made = do()
    return time.process_time() - began, made


def _memory() -> float:
    """The most that this process has had, in MiB: VmHWM (proc(5)); what getrusage tells is handed down by a parent."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
