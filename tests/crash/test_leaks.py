"""A value that stands anywhere, in any spelling, is found."""

from __future__ import annotations

import base64
import secrets
import sqlite3
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest

from rotator.sandbox.demo.leaks import leaks
from rotator.sandbox.people import PeopleControl
from rotator.sandbox.postgres import EmbeddedPostgres
from tests.crash.leaks import places, rows_of, searched
from tests.crash.made import Minted

VALUE = secrets.token_urlsafe(24)
MADE = searched([Minted("r1", "role_a@r1", f"postgresql://role_a:{VALUE}@127.0.0.1:5432/taly")], "a lane")


class Quiet:
    """People who got one mail."""

    def __init__(self, text: str = "") -> None:
        self.text = text

    def messages(self) -> dict[str, list[dict[str, Any]]]:
        return {"slack": [], "mail": [{"raw": f"Subject: parked\n\n{self.text}"}]}

    def raw(self) -> list[str]:
        return []


def found(folder: Path, people: Quiet | None = None, **where: Any) -> list[str]:
    told = {"journals": {}, "processes": {}, **where}
    return leaks(MADE, places(folder, people=cast(PeopleControl, people or Quiet()), **told))


def test_nothing_is_found_where_nothing_is(tmp_path: Path) -> None:
    (tmp_path / "daemon.log").write_text("planned: replaces role_a@first")
    assert found(tmp_path) == []


def test_a_value_is_found_in_a_log_of_any_folder(tmp_path: Path) -> None:
    (tmp_path / "jwt-sqlite-0").mkdir()
    (tmp_path / "jwt-sqlite-0" / "daemon.log").write_text(f"made {VALUE.encode().hex()}")
    assert found(tmp_path) == ["a lane: role_a@r1: in jwt-sqlite-0/daemon.log"]


def test_a_value_is_found_in_a_row_of_an_embedded_journal(tmp_path: Path) -> None:
    journal = tmp_path / "data" / "journal.sqlite"  # the file itself is not looked at there
    journal.parent.mkdir()
    with sqlite3.connect(journal) as file:
        file.execute("CREATE TABLE event (sentence TEXT)")
        file.execute("INSERT INTO event VALUES (?)", [base64.b64encode(f"x{VALUE}".encode()).decode()])
    assert found(tmp_path, journals={"lane 1": f"sqlite:///{journal}"}) == [
        "a lane: role_a@r1: in the rows of the journal of lane 1"
    ]


def test_a_value_is_found_in_what_people_read(tmp_path: Path) -> None:
    assert found(tmp_path, Quiet(f"it was {VALUE}")) == ["a lane: role_a@r1: in mail 1"]


def test_a_value_is_found_in_a_process_that_others_can_see(tmp_path: Path) -> None:
    assert found(tmp_path, processes={"lane 1": [b"python\0-m\0rotator", f"KEY={VALUE}".encode()]}) == [
        "a lane: role_a@r1: in arguments and environment of the daemons of lane 1"
    ]


@pytest.mark.slow
def test_every_row_of_a_journal_on_postgresql_is_looked_at(newest_postgres: EmbeddedPostgres) -> None:
    name = f"leaks_{secrets.token_hex(4)}"
    with psycopg.connect(newest_postgres.superuser_dsn(), autocommit=True) as superuser:
        superuser.execute(f"CREATE DATABASE {name}")
    with psycopg.connect(newest_postgres.superuser_dsn(name)) as session:
        session.execute("CREATE TABLE event (at int, sentence text)")
        session.execute("CREATE TABLE alert (alert jsonb)")
        session.execute("INSERT INTO event VALUES (1, 'one'), (2, 'two')")
        session.execute("""INSERT INTO alert VALUES ('{"title": "three"}')""")
    rows = rows_of(newest_postgres.superuser_dsn(name))
    assert all(word in rows for word in (b"one", b"two", b"three"))
