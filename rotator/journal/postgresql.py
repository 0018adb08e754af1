"""PostgreSQL as the journal: for several replicas, or none that is a single point of failure."""

from __future__ import annotations

from typing import Final

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

#: libpq's parameters, where the address does not set them: a call ends within ten seconds, a dead server is noticed,
#: and after a failover only the new primary will do.
_CONNECT: Final = {
    "application_name": "rotator",
    "connect_timeout": "5",
    "keepalives_idle": "30",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "target_session_attrs": "read-write",
    "tcp_user_timeout": "9000",
}
#: Said once per session instead of at the start of it, because poolers between us and the server refuse `options`.
_SESSION: Final = (
    "SET statement_timeout = '9s'; SET lock_timeout = '5s'; SET idle_in_transaction_session_timeout = '15s'; "
    "SET synchronous_commit = 'on'"
)
_WAIT_FOR_CONNECTION: Final = 4.0
_STANDBY: Final = "25006"  # read_only_sql_transaction


def engine_at(url: URL) -> Engine:
    """The database at `url`; psycopg 3 whatever driver it names."""
    engine = create_engine(
        url.set(drivername="postgresql+psycopg").update_query_dict({**_CONNECT, **url.query}),
        hide_parameters=True,
        connect_args={"autocommit": True},  # transactions begin as we say, most are one statement
        pool_size=10,
        max_overflow=10,
        pool_timeout=_WAIT_FOR_CONNECTION,
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        cursor.execute(_SESSION)
        cursor.close()

    @event.listens_for(engine, "handle_error")
    def leave_a_standby(context: ExceptionContext) -> None:
        if getattr(context.original_exception, "sqlstate", None) == _STANDBY:
            context.is_disconnect = True  # the primary is elsewhere now: connect anew

    return engine
