"""The journal keeps its contract on a file, in memory by its own and by a virtual clock, and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from rotator.contracts.journal import Journal
from rotator.journal import SqlJournal, open_journal, open_memory_journal
from rotator.testing.journal_contract import JournalContract
from rotator.testing.virtual_clock import VirtualClock


class TestSqliteFile(JournalContract):
    @pytest.fixture
    def journal(self, sqlite_url: str) -> Iterator[Journal]:
        with closing(open_journal(sqlite_url, daemon=True)) as journal:
            yield journal

    @pytest.fixture
    def other(self, journal: Journal, sqlite_url: str) -> Iterator[Journal]:
        with closing(open_journal(sqlite_url, daemon=False)) as other:
            yield other

    @pytest.mark.slow  # each of a thousand writes waits for the disk
    def test_all_of_them_however_many_unless_limited(self, journal: Journal) -> None:
        super().test_all_of_them_however_many_unless_limited(journal)


class TestSqliteMemory(JournalContract):
    @pytest.fixture
    def journal(self) -> Iterator[Journal]:
        with closing(open_memory_journal()) as journal:
            yield journal


class TestVirtualTime(JournalContract):
    @pytest.fixture
    def journal(self) -> Iterator[Journal]:
        with closing(open_memory_journal(now=VirtualClock().now)) as journal:
            yield journal


@pytest.mark.slow
class TestPostgresql(JournalContract):
    @pytest.fixture
    def journal(self, replicas: tuple[SqlJournal, SqlJournal]) -> Journal:
        return replicas[0]

    @pytest.fixture
    def other(self, replicas: tuple[SqlJournal, SqlJournal]) -> Journal:
        return replicas[1]
