"""Talking to a PostgreSQL server within bounds, and saying what it said.

libpq's own words never reach a message: with a malformed connection string they quote pieces of it, and a piece may
be part of a password. People get our sentences, chosen by what libpq and the server said.

A refused login has no SQLSTATE in libpq, only the server's text, so the text decides (and `check_twins` refuses
servers that speak another language than English). pg_hba.conf's "no" and a missing database have the same SQLSTATE
class as a refused role and say nothing about the credential; the text tells them apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from psycopg import errors
from psycopg.abc import PQGen

from rotator.contracts.clock import Clock
from rotator.contracts.guard import CALL_SECONDS
from rotator.model.errors import CredentialRefused, Refused, RotatorError, Transient
from rotator.model.hosts import Allows, must_be_allowed
from rotator.providers.postgres_dsn import leads_to, unfit

#: To connect, and to say everything afterwards: together within CALL_SECONDS, with one second to spare.
CONNECT_SECONDS = 4
TALK_SECONDS = CALL_SECONDS - CONNECT_SECONDS - 1

T = TypeVar("T")

_LOGIN_REFUSED = re.compile(
    r'(password|SASL) authentication failed|role ".*" is not permitted to log in|role ".*" does not exist'
)
#: What libpq or the server says when no login came about -> what that means.
_TROUBLE = {
    "timeout expired": f"it did not answer within {CONNECT_SECONDS} s",
    "Connection refused": "nothing listens there",
    "could not translate|failed to resolve": "its name does not resolve",
    "too many (clients|connections)|remaining connection slots": "it has no connection slot left",
    "is (starting up|shutting down)|in recovery mode|not yet accepting": "it is starting up or shutting down",
    "authentication method requirement": "it asks for the password in clear, which was not sent",
    "pg_hba.conf": "its pg_hba.conf has no line that lets this role in from here: a DBA must add one",
    'database ".*" does not exist': "it has no such database: see the template in the policy",
    "permission denied for database": "the role has no CONNECT on the database: a DBA must grant it",
    "SSL|certificate": "no TLS connection came about: see sslmode and sslrootcert in the template",
    "read-only|read-write": "no server takes writes: a failover may be under way",
}


class Session(psycopg.Connection[tuple[Any, ...]]):
    """A connection on which everything that is said ends in time, also when the server freezes in the middle.

    statement_timeout alone would not do: a frozen server does not watch its own timeouts.
    """

    clock: Clock
    ends: float

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """As psycopg's, and never past the end of the session."""
        left = max(0.0, self.ends - self.clock.monotonic())
        return super().wait(gen, interval, left if timeout is None else min(timeout, left))


@contextmanager
def transaction(
    parameters: Mapping[str, str],
    clock: Clock,
    who: str,
    application: str,
    *,
    allows: Allows,
    quoted: bool = True,
) -> Iterator[Session]:
    """A session of one transaction, committed at its end; whatever goes wrong, the server rolls it back.

    `who` says for people who logs in where. `quoted`: what the server says about a statement may be repeated. Raises
    CredentialRefused when the server refuses the login, Transient when nobody answers or the server is busy, Refused
    for its verdict about a statement, for a host that is not allowed, and for options that are unfit.
    """
    for host in leads_to(parameters):
        must_be_allowed(allows, host, f"the host of {who}")
    if strange := unfit(parameters):
        raise Refused(
            f"the connection string of {who} has {' and '.join(strange)}: rotator does not log in with that; nothing "
            "was sent, take it out"
        )
    opened = _connect(parameters, who, application)
    if isinstance(opened, RotatorError):
        raise opened
    opened.clock, opened.ends = clock, clock.monotonic() + TALK_SECONDS
    try:
        yield opened
        opened.commit()
    except psycopg.Error as error:
        raise _sorted(error, who, quoted=quoted) from None
    finally:
        opened.close()


def _connect(parameters: Mapping[str, str], who: str, application: str) -> Session | RotatorError:
    """The connection or what to say about it: returned, so that no exception drags libpq's text along."""
    bounds = {"connect_timeout": str(CONNECT_SECONDS), "application_name": application}
    try:
        return Session.connect(**{**parameters, **bounds})  # type: ignore[arg-type]  # libpq takes strings for all
    except psycopg.Error as error:
        said = str(error)
    # Where there are several hosts, psycopg lists what each of them said.
    attempts = re.split(r"^- host: ", said, flags=re.MULTILINE)[1:] or [said]
    if all(_LOGIN_REFUSED.search(attempt) for attempt in attempts):
        return CredentialRefused(
            f"the server refuses the login of {who}: wrong password, or the role may not log in"
        )
    meanings = (means for words, means in _TROUBLE.items() if re.search(words, said))
    means = next(meanings, "the server gave no usable answer")
    return Transient(f"no login of {who}: {means}")


def _sorted(error: psycopg.Error, who: str, *, quoted: bool) -> RotatorError:
    """What a failed statement means. About our own ones the server's primary message names objects, never values."""
    said = error.diag.message_primary or f"no answer within {TALK_SECONDS:.0f} s"
    if not quoted and error.sqlstate:
        said = f"the server does not take the statement ({type(error).__name__})"
    wrote = isinstance(error, errors.ReadOnlySqlTransaction) and not quoted
    if wrote or isinstance(error, errors.InsufficientPrivilege):
        return Refused(f"{who}: {said}")
    # Cancelled, locked, cut off, failed over, or two changes of one role at once.
    if isinstance(error, psycopg.OperationalError | psycopg.InternalError):
        return Transient(f"{who}: {said}; it is asked again")
    return Refused(f"{who}: {said}")
