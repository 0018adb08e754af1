"""The claim protocol, the same for rotations, rollouts and alerts.

A claim is one statement: it takes rows that are due, that nobody is taking at this moment (SKIP LOCKED), pushes their
`run_at` to the end of the claim and raises their fence. Whoever held a row before can then write it no more, because
each of its writes names the fence it knows. A claim that runs out needs no cleaning up: the row is due again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import (
    Column,
    Row,
    Select,
    Table,
    TextClause,
    Update,
    and_,
    bindparam,
    case,
    null,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate
from sqlalchemy.sql.elements import ColumnElement

from rotator.journal.columns import Moment
from rotator.journal.database import Database, seconds

Values = Mapping[Column[Any], Any]

log = structlog.get_logger()


def claim(
    db: Database,
    table: Table,
    due: Sequence[ColumnElement[bool] | TextClause],
    order: Sequence[ColumnElement[Any]],
    also: Values | None = None,
    until: ColumnElement[datetime] | None = None,
) -> Update:
    """Takes up to `limit` rows for `owner` for `lease` seconds (its parameters).

    `due` narrows which rows count, beside their time; conditions that a partial index repeats must be literal, since
    a prepared statement is planned without its parameters. `also` sets more columns. `until`: what is due by
    then counts, not only what is due now.
    """
    key = _key(table)
    taken = (
        select(key)
        .where(*due, table.c.run_at <= (db.now if until is None else until))
        .order_by(*order)
        .limit(bindparam("limit"))
        .with_for_update(skip_locked=True)
        .cte("taken")
    )
    end = db.after("lease")
    return (
        update(table)
        .where(key.in_(select(taken.c[key.name])))
        .values(
            {
                table.c.owner: bindparam("claimer"),
                table.c.fence: table.c.fence + 1,
                table.c.claim_until: end,
                table.c.run_at: end,
                table.c.wake_at: null(),  # whoever claims a row sees all that the wake was for
                **(also or {}),
            }
        )
    )


def guarded(table: Table) -> Update:
    """An update that only the holder of the claim may do: parameters `key`, `known_fence`, `known_owner`."""
    return update(table).where(held(table))


def held(table: Table) -> ColumnElement[bool]:
    """The claim that a worker knows still stands."""
    return and_(
        _key(table) == bindparam("key"),
        table.c.fence == bindparam("known_fence"),
        table.c.owner == bindparam("known_owner"),
    )


def holder(key: str, row: Any) -> dict[str, Any]:
    """The parameters of `held()` for a row as its worker knows it."""
    return {"key": key, "known_fence": row.fence, "known_owner": row.owner}


def released(table: Table) -> Values:
    """Gives the row back, due at the parameter `due_at`, or earlier if somebody woke it meanwhile."""
    due_at = bindparam("due_at", type_=Moment)
    return {
        table.c.owner: null(),
        table.c.claim_until: null(),
        table.c.wake_at: null(),
        table.c.run_at: case((table.c.wake_at < due_at, table.c.wake_at), else_=due_at),
    }


def woken(table: Table, at: ColumnElement[datetime]) -> Values:
    """Makes a row due at `at` if it is not due earlier: now where it waits, on release where it is claimed."""
    waits, sooner = table.c.owner.is_(None), table.c.run_at > at
    return {
        table.c.run_at: case((and_(waits, sooner), at), else_=table.c.run_at),
        table.c.wake_at: case((waits, null()), (table.c.wake_at < at, table.c.wake_at), else_=at),
    }


def renewed(db: Database, table: Table) -> ReturningUpdate[Any]:
    """Prolongs the claims of `claimer` among `ids` that have not run out, by `lease` seconds."""
    key = _key(table)
    end = db.after("lease")
    ours = select(key).where(
        key.in_(bindparam("ids", expanding=True)),
        table.c.owner == bindparam("claimer"),
        table.c.claim_until > db.now,
    )
    return (
        update(table)
        .where(key.in_(in_one_order(ours, table)))
        .values({table.c.claim_until: end, table.c.run_at: end})
        .returning(key)
    )


def in_one_order(keys: Select[Any], table: Table) -> Select[Any]:
    """Locks several rows, everybody in the same order, so that nobody waits in a circle."""
    return keys.order_by(_key(table)).with_for_update(of=table)


def put_off(db: Database, table: Table, rows: Mapping[str, Row[Any]], lease: timedelta) -> None:
    """Gives back rows, by key, that were claimed and that a newer version wrote: this one cannot read them.

    They are due once the claim would have ended. Were it at once, this version would take them again.
    """
    if not rows:
        return
    given_back = guarded(table).values(
        {
            table.c.owner: null(),
            table.c.claim_until: null(),
            table.c.wake_at: null(),
            table.c.run_at: db.after("lease"),
        }
    )
    with db.writing() as connection:
        for key, row in rows.items():
            connection.execute(given_back, {**holder(key, row), "lease": seconds(lease)})
            log.warning("left to the newer version that wrote it", kind=table.name, row=key)


def freed(db: Database, table: Table) -> Update:
    """Gives every claimed row back; only for owners who are known to be dead."""
    return (
        update(table)
        .where(table.c.owner.is_not(None))
        .values(
            {
                table.c.owner: null(),
                table.c.claim_until: null(),
                table.c.wake_at: null(),
                table.c.run_at: db.now,
            }
        )
    )


def run_out(db: Database, table: Table) -> Update:
    """Ends every claim as if its time were over: due again, and it stays known that somebody held it and vanished."""
    return (
        update(table)
        .where(table.c.owner.is_not(None))
        .values({table.c.claim_until: db.now, table.c.run_at: db.now})
    )


def _key(table: Table) -> Column[Any]:
    return next(iter(table.primary_key))
