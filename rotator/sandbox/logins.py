"""Logins to PostgreSQL as a consumer makes them, and what the server's no is: a refusal, or trouble of another kind."""

from __future__ import annotations

import re

import psycopg

from rotator.sandbox.diet import tell

_REFUSALS = re.compile(
    r'password authentication failed|role "[^"]*" (is not permitted to log in|does not exist)'
)


def logged_in(dsn: str) -> str:
    """One new login and one query, as what it counts: refused is the server's no to this credential.

    Trouble is everything else that keeps a consumer from its work; each is explained by a line of the platform's log.
    """
    try:
        with psycopg.connect(dsn, connect_timeout=8) as session:
            session.execute("select count(*) from visit")
    except psycopg.Error as trouble:
        return counted_as(trouble)
    return "logins"


def recorded(dsn: str, event: str) -> bool:
    """Writes down that an event was taken, by its id; False where it was written before. Raises psycopg.Error."""
    with psycopg.connect(dsn, connect_timeout=8) as session:
        wrote = session.execute(
            "insert into stripe_event (id) values (%s) on conflict do nothing", [event], prepare=False
        )
        return wrote.rowcount == 1


def counted_as(trouble: psycopg.Error) -> str:
    """What a login that failed counts; it is told, without what psycopg's own errors may quote."""
    known = isinstance(trouble, (psycopg.errors.InsufficientPrivilege, psycopg.OperationalError))
    tell(f"login: {type(trouble).__name__} {' '.join(str(trouble).split()) if known else ''}")
    refused = isinstance(trouble, psycopg.errors.InsufficientPrivilege) or (
        isinstance(trouble, psycopg.OperationalError) and refuses_login(str(trouble))
    )
    return "logins_refused" if refused else "login_troubles"


def refuses_login(message: str) -> bool:
    """Whether the server said no to the credential; psycopg leaves the SQLSTATE of a failed connect empty."""
    return bool(_REFUSALS.search(message))
