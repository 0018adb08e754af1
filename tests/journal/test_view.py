"""The light view of a journal's file tells what the journal tells: the whole contract, read through it."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import make_url

from rotator.contracts.journal import Journal
from rotator.journal import SqlJournal, open_journal
from rotator.journal.view import View
from rotator.model.errors import JournalAway
from rotator.testing.journal_contract import JournalContract
from tests.journal.conftest import Pair


class ReadThroughView:
    """A journal that is written as always, and read through a view of whoever asks."""

    def __init__(self, journal: SqlJournal, file: Path) -> None:
        self._file = file
        # Attributes and not __getattr__: from Python 3.12 on isinstance() sees what is there, and asks nobody.
        for name in dir(journal):
            if not name.startswith("_"):
                viewed = name in vars(View)
                setattr(self, name, partial(self._look, name) if viewed else getattr(journal, name))

    def _look(self, name: str, *asked: Any, **more: Any) -> Any:
        with closing(View(self._file)) as view:
            assert view.readable()
            return getattr(view, name)(*asked, **more)


@pytest.fixture
def file(sqlite_url: str) -> Path:
    return Path(str(make_url(sqlite_url).database))


@pytest.mark.slow
class TestView(JournalContract):
    @pytest.fixture
    def journal(self, on_file: Pair) -> Journal:
        journal, _ = on_file
        return cast("Journal", ReadThroughView(journal, Path(str(journal._db.engine.url.database))))

    @pytest.fixture
    def other(self, journal: Journal) -> Journal:
        return journal


def test_it_never_writes(sqlite_url: str, file: Path) -> None:
    open_journal(sqlite_url, daemon=False).close()
    with closing(View(file)) as view, pytest.raises(sqlite3.OperationalError, match="readonly"):
        view._file.execute("DELETE FROM request")


def test_tables_of_another_version_are_left_to_the_journal(sqlite_url: str, file: Path) -> None:
    open_journal(sqlite_url, daemon=False).close()
    with closing(sqlite3.connect(file)) as raw, raw:
        raw.execute("UPDATE alembic_version SET version_num = '0001'")
    with closing(View(file)) as view:
        assert not view.readable()
    with closing(sqlite3.connect(file)) as raw, raw:
        raw.execute("DROP TABLE alembic_version")
    with closing(View(file)) as view:
        assert not view.readable()


def test_what_is_no_journal_is_said_in_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "journal.sqlite"
    file.write_text("something else, and long enough that nobody could take it for an empty database")
    with closing(View(file)) as view, pytest.raises(JournalAway, match="is not a journal"):
        view.readable()


def test_a_journal_that_is_not_there_yet_knows_the_time_and_nothing_else() -> None:
    with closing(View(None)) as view:
        assert view.readable()
        assert view.now().year > 2000
        assert (view.policies_in_force(), view.last_policy()) == (None, None)
        assert not view.histories()
        assert not view.requests()


def test_a_file_that_cannot_be_looked_at_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        JournalAway, match=re.escape(f"look at its folder, its owner and its mode ({tmp_path})")
    ):
        View(tmp_path)
