"""The journal keeps its contract on a file, in memory by its own and by a virtual clock, and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from rotator.contracts.journal import Journal
from rotator.journal import MemoryJournal, open_memory_journal
from rotator.testing.journal_contract import JournalContract
from rotator.testing.virtual_clock import VirtualClock
from tests.journal.conftest import Pair


class TestSqliteFile(JournalContract):
    @pytest.fixture
    def journal(self, on_file: Pair) -> Journal:
        return on_file[0]

    @pytest.fixture
    def other(self, on_file: Pair) -> Journal:
        return on_file[1]


@pytest.mark.slow  # only tests keep a journal in memory by its own clock; by a virtual one it is below
class TestSqliteMemory(JournalContract):
    @pytest.fixture
    def journal(self, memory: MemoryJournal) -> Journal:
        return memory


@pytest.fixture(scope="module")
def kept_by_a_virtual_clock() -> Iterator[MemoryJournal]:
    with closing(open_memory_journal(now=VirtualClock().now)) as journal:
        yield journal


class TestVirtualTime(JournalContract):
    @pytest.fixture
    def journal(self, kept_by_a_virtual_clock: MemoryJournal) -> Journal:
        kept_by_a_virtual_clock.reset()
        return kept_by_a_virtual_clock


@pytest.mark.slow
class TestPostgresql(JournalContract):
    @pytest.fixture
    def journal(self, replicas: Pair) -> Journal:
        return replicas[0]

    @pytest.fixture
    def other(self, replicas: Pair) -> Journal:
        return replicas[1]
