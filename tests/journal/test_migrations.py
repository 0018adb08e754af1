"""Tables made by migrations are the tables of rotator.journal.tables, on both databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, make_url, text

import rotator.journal.migrations
from rotator.journal import open_journal, postgresql, sqlite
from rotator.journal.migrations import migrate
from rotator.journal.revision import NEWEST
from rotator.journal.tables import metadata
from rotator.model.policy import Policies

#: `make test` runs them: `make check` is for what the engine and the first sources rest on.
pytestmark = pytest.mark.slow

_INDEXES = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
    "postgresql": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
}


@pytest.fixture(params=["sqlite", "postgresql"])
def new_engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Engine]]:
    engines: list[Engine] = []

    def make() -> Engine:
        if request.param == "sqlite":
            engines.append(sqlite.file_engine(tmp_path / f"{len(engines)}.sqlite"))
        else:
            engines.append(postgresql.engine_at(make_url(request.getfixturevalue("new_database")())))
        return engines[-1]

    yield make
    for engine in engines:
        engine.dispose()


def indexes(engine: Engine) -> dict[str, str]:
    """Every index with its definition, conditions included: alembic does not compare those."""
    with engine.connect() as connection:
        rows = connection.execute(text(_INDEXES[engine.dialect.name]))
        return {row[0]: " ".join(row[1].split()) for row in rows if "alembic" not in row[0]}


def test_migrations_and_metadata_agree(new_engine: Callable[[], Engine]) -> None:
    engine = new_engine()
    migrate(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_migrations_make_the_indexes_of_the_metadata_with_their_conditions(
    new_engine: Callable[[], Engine],
) -> None:
    migrated, made = new_engine(), new_engine()
    migrate(migrated)
    metadata.create_all(made)
    assert indexes(migrated) == indexes(made)
    assert any("WHERE" in definition for definition in indexes(made).values())


def test_a_journal_of_the_first_version_is_brought_up_to_date(new_engine: Callable[[], Engine]) -> None:
    engine = new_engine()
    scripts = ScriptDirectory(Path(rotator.journal.migrations.__file__).parent)
    with engine.begin() as connection:
        context = MigrationContext.configure(connection)
        with Operations.context(context):
            scripts.get_revision("0001").module.upgrade()
        context.stamp(scripts, "0001")
        connection.execute(
            text("INSERT INTO head (number, at, digest, mac) VALUES (1, 2.0, 'digest', 'mac')")
        )
    migrate(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, metadata) == []
        assert connection.execute(text("SELECT digest, data_key FROM head")).one() == ("digest", "none")


def test_the_newest_migration_is_known_without_loading_alembic() -> None:
    scripts = ScriptDirectory(Path(rotator.journal.migrations.__file__).parent)
    assert scripts.get_current_head() == NEWEST


def test_replicas_that_start_together_take_turns(new_engine: Callable[[], Engine]) -> None:
    engine = new_engine()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(migrate, [engine] * 4))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == [NEWEST]


def test_a_replica_waits_for_one_that_migrates_longer_than_for_a_lock(
    new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = new_database()
    monkeypatch.setattr(postgresql, "_SESSION", "SET lock_timeout = '20ms'; SET statement_timeout = '9s'")
    engine = postgresql.engine_at(make_url(url))
    with ThreadPoolExecutor(1) as pool, psycopg.connect(url) as another:
        another.execute("SELECT pg_advisory_xact_lock(%s)", [rotator.journal.migrations._ONE_AT_A_TIME])
        waits = pool.submit(migrate, engine)
        with pytest.raises(TimeoutError):
            waits.result(timeout=0.5)
        another.rollback()
        waits.result(timeout=60)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == NEWEST
        assert connection.execute(text("SHOW lock_timeout")).scalar_one() == "20ms"
    engine.dispose()


def test_the_usual_bounds_hold_for_the_tables_themselves(
    new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waits for a table holds up everybody who wants it after him."""
    engine = postgresql.engine_at(make_url(new_database()))
    seen: dict[str, str] = {}

    def upgrade(connection: Connection) -> None:
        for name in ("lock_timeout", "statement_timeout"):
            seen[name] = connection.execute(text(f"SHOW {name}")).scalar_one()

    monkeypatch.setattr(rotator.journal.migrations, "_upgrade", upgrade)
    migrate(engine)
    engine.dispose()
    assert seen == {"lock_timeout": "5s", "statement_timeout": "9s"}


def test_tables_of_a_newer_version_are_left_as_they_are(new_engine: Callable[[], Engine]) -> None:
    engine = new_engine()
    migrate(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.execute(text("ALTER TABLE rotation ADD COLUMN of_tomorrow TEXT"))
    migrate(engine)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == "9999"


def test_a_migration_that_fails_leaves_nothing_behind(
    new_engine: Callable[[], Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = new_engine()

    def fail(*_arguments: Any) -> None:
        raise RuntimeError("in the middle")

    with monkeypatch.context() as patched:
        patched.setattr(MigrationContext, "stamp", fail)
        with pytest.raises(RuntimeError, match="in the middle"):
            migrate(engine)
    assert indexes(engine) == {}
    migrate(engine)
    assert indexes(engine) != {}


def test_opening_a_journal_again_keeps_what_it_knows(sqlite_url: str) -> None:
    with closing(open_journal(sqlite_url, daemon=True)) as journal:
        installation = journal.installation()
        journal.note_policy(Policies(version="v1", environments={}, secrets={}), "policies")
    with closing(open_journal(sqlite_url, daemon=True)) as journal:
        assert (journal.installation(), journal.last_policy()) == (installation, "policies")
