"""Everything that a value must not stand in, as text: files, journals row by row, messages, and what /proc shows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from rotator.sandbox.demo.leaks import files_below, messages_of
from rotator.sandbox.people import PeopleControl
from tests.crash.made import Minted


def places(
    folder: Path,
    journals: Mapping[str, str],
    people: PeopleControl,
    processes: Mapping[str, Iterable[bytes]],
) -> dict[str, bytes]:
    """Name -> text. By lane: `journals`, their URLs; `processes`, arguments and environments of its daemons."""
    found = {**files_below(folder), **messages_of(people)}
    for lane, url in journals.items():
        found[f"the rows of the journal of {lane}"] = rows_of(url)
    for lane, texts in processes.items():
        found[f"arguments and environment of the daemons of {lane}"] = b"\n".join(texts)
    return found


def rows_of(journal_url: str) -> bytes:
    """Every row of every table of a journal. A file's pages cut long rows into pieces; here they are whole."""
    if journal_url.startswith("sqlite:///"):
        with sqlite3.connect(journal_url.removeprefix("sqlite:///")) as journal:
            return "\n".join(journal.iterdump()).encode()
    with psycopg.connect(journal_url) as session:
        tables = session.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()
        rows = (
            session.execute(sql.SQL("select t::text from {} t").format(sql.Identifier(name))).fetchall()
            for (name,) in tables
        )
        return "\n".join(row[0] for table in rows for row in table).encode()


def searched(made: Iterable[Minted], lane: str) -> dict[str | bytes, str]:
    """What is looked for -> what it is called: of a login its password; the id of a key may be known to everybody."""
    return {_piece(one.value): f"{lane}: {one.id}" for one in made if one.value != one.id}


def _piece(value: str) -> str:
    if "://" in value:
        return urlsplit(value).password or value
    return value.partition(":")[2] or value
