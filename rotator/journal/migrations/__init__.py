"""Bringing a journal's tables up to date, at each start and without a command of its own.

Migrations only add: replicas of two versions share the tables while a new version is rolled out, and an older one
opens what a newer one has made. Alembic is loaded only if there is something to do.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, func, inspect, select, text

from rotator.journal.away import answering
from rotator.journal.database import begin
from rotator.journal.revision import NEWEST

_ONE_AT_A_TIME: Final = 0x726F7461746F72  # the advisory lock's number: "rotator"
#: So long a replica waits for its turn; below the minute that the manifests give it to start.
_TURN: Final = "30s"
_BOUNDS: Final = ("lock_timeout", "statement_timeout")


def migrate(engine: Engine) -> None:
    """Applies the migrations that are missing, all or none; replicas that start together take turns.

    Raises JournalAway.
    """
    with answering(), engine.connect() as connection:
        if _revision(connection) == NEWEST:
            return
    with answering(), engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            begin(connection, "BEGIN")
            _take_turn(connection)
        else:
            begin(connection, "BEGIN IMMEDIATE")
        _upgrade(connection)


def _take_turn(connection: Connection) -> None:
    """Waits while other replicas migrate, longer than for any lock of daily work: they are not stuck, but working."""
    usual = {name: connection.execute(select(func.current_setting(name))).scalar_one() for name in _BOUNDS}
    for name in _BOUNDS:
        connection.execute(text(f"SET LOCAL {name} = '{_TURN}'"))
    connection.execute(select(func.pg_advisory_xact_lock(_ONE_AT_A_TIME)))
    for name, value in usual.items():
        connection.execute(text(f"SET LOCAL {name} = '{value}'"))


def _revision(connection: Connection) -> str | None:
    """Which migration was applied last."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def _upgrade(connection: Connection) -> None:
    from alembic.operations import Operations  # noqa: PLC0415 - an idle daemon shall not carry its 10 MiB
    from alembic.runtime.migration import MigrationContext  # noqa: PLC0415 - as above, 10 MiB
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - as above, 10 MiB

    context = MigrationContext.configure(connection)
    scripts = ScriptDirectory(Path(__file__).parent)
    applied = context.get_current_revision()
    if applied not in {None, *(script.revision for script in scripts.walk_revisions())}:
        return  # by a newer version, which only added
    with Operations.context(context):
        for script in reversed([*scripts.iterate_revisions("head", applied or "base")]):
            script.module.upgrade()
    context.stamp(scripts, "head")
