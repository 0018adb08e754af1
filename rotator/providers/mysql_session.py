"""Talking to a MySQL or MariaDB server within bounds, and saying what it said.

PyMySQL's own words never reach a message: the server quotes the statement that it does not understand, and statements
hold passwords or what is kept of them. People get our sentences, chosen by the error's number (MySQL documentation,
"Server Error Message Reference"; MariaDB documentation, "MariaDB Error Codes").

A password is never sent in clear: a server that asks for that (mysql_clear_password, PAM's dialog) gets none. MySQL's
own plugins ask for it, too, when their cache is cold (caching_sha2_password) or always (sha256_password): encrypted for
whoever answers, which is nobody known unless a certificate was verified. So only that server, or this machine, gets it.
"""

from __future__ import annotations

import io
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pymysql
from pymysql.connections import Connection

from rotator.bounded import LARGEST_BYTES
from rotator.contracts.clock import Clock
from rotator.contracts.guard import CALL_SECONDS, guard
from rotator.model.errors import CredentialRefused, Refused, RotatorError, Transient
from rotator.model.hosts import Allows, must_be_allowed, on_this_machine
from rotator.providers.mysql_consumers import Login

#: To connect, and to say everything afterwards: together within CALL_SECONDS, with one second to spare.
CONNECT_SECONDS = 4
TALK_SECONDS = CALL_SECONDS - CONNECT_SECONDS - 1

#: Wrong password or no such account; MySQL 8 (3118) and MariaDB (4151): the account is locked.
_LOGIN_REFUSED = {1045, 1698, 3118, 4151}
#: What the client or the server says when nothing came about -> what that means. All of it is asked again.
_LATER = {
    1040: "it has no connection slot left",
    1203: "the account has no connection slot left",
    1226: "the account has used up what it may use in this hour",
    1129: "it has blocked this address after too many broken connections: FLUSH HOSTS",
    1130: "it lets nobody in from this address",
    1049: "it has no such database: see the template in the policy",
    1044: "the account may not use that database: a DBA must grant it",
    1053: "it is shutting down",
    1205: "somebody else holds a lock on what it needed",
    1213: "somebody else changed the same thing at once",
    1290: "it runs with an option that forbids the statement (read-only, or strict_password_validation)",
    1792: "it takes no writes: a failover may be under way",
    1836: "it takes no writes: a failover may be under way",
    1969: f"it did not finish within {TALK_SECONDS:.0f} s",
    3024: f"it did not finish within {TALK_SECONDS:.0f} s",
    2003: "nothing answers there",
    2006: "the connection was lost",
    2012: "the connection was lost",
    2013: "the connection was lost, or it did not answer in time",
    2026: "no TLS connection came about: see ssl-mode and ssl-ca in the template",
    2059: "it asks for the password in clear, which was not sent",
    2061: "it asks for the password itself, which only a server with a verified certificate is sent: write "
    "ssl-mode=VERIFY_IDENTITY, and ssl-ca where the authority is your own",
}
#: What it says about a statement, as its verdict.
_VERDICTS = {
    1142: "rotator's account lacks the right to read or write a table that it needs",
    1227: "rotator's account lacks the right to change accounts",
    1396: "the account is not there, or cannot be changed so",
    1524: "the account's authentication plugin is not loaded",
    1819: "the server's password policy does not take what rotator generates",
    1820: "the password has expired: a DBA must take the expiry off",
    1862: "the password has expired: a DBA must take the expiry off",
    3894: "the account has no password that could be kept beside a new one",
}


class Session(Connection):
    """A connection on which everything that is said ends in time, and is no longer than it may be."""

    who: str
    quoted: bool
    # PyMySQL's: what the server greeted with, the socket, and the file that is read from it.
    _auth_plugin_name: str
    _sock: socket.socket
    _rfile: io.BufferedReader

    def __init__(self, *, known: bool, clock: Clock, **more: Any) -> None:
        """`known`: whoever is at the other end may be sent the password itself."""
        self._known, self._proving, self._clock = known, False, clock
        self.ends, self._room = clock.monotonic() + CONNECT_SECONDS, LARGEST_BYTES
        super().__init__(**more)

    def _read_bytes(self, wanted: int) -> bytes:
        """PyMySQL's waits anew for each piece that comes, and keeps whatever comes."""
        found = bytearray()
        self._room -= wanted
        try:
            while len(found) < wanted and self._room >= 0:
                self._sock.settimeout(max(0.001, left := self.ends - self._clock.monotonic()))
                piece = self._rfile.read1(wanted - len(found)) if left > 0 else b""
                if not piece:
                    break
                found += piece
        except OSError:
            pass  # told below, without its words
        if len(found) < wanted:
            self._force_close()  # type: ignore[attr-defined]  # PyMySQL's stubs leave out what is not public
            raise pymysql.OperationalError(2013, "lost, late, or too long")
        return bytes(found)

    def _request_authentication(self) -> None:
        """PyMySQL's, which would send the password itself in its first answer to sha256_password."""
        if not self._known and self._auth_plugin_name == "sha256_password":
            raise _not_itself()
        self._proving = True
        super()._request_authentication()  # type: ignore[misc]  # PyMySQL's stubs leave out what is not public
        self._proving = False

    def _read_packet(self, *kind: Any) -> Any:
        """While it logs in, more is asked for than a proof unless caching_sha2_password's cache was warm (1, 3)."""
        packet = super()._read_packet(*kind)  # type: ignore[no-untyped-call]  # PyMySQL's own has no types
        if (
            self._proving
            and not self._known
            and packet.is_extra_auth_data()
            and packet.get_all_data() != b"\x01\x03"
        ):
            raise _not_itself()
        return packet

    def ask(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """The rows of one statement. Raises Transient or Refused."""
        self._write_timeout, self._room = max(0.001, self.ends - self._clock.monotonic()), LARGEST_BYTES
        try:
            with self.cursor() as cursor:
                cursor.execute(statement, values or None)
                return list(cursor.fetchall())
        except (pymysql.Error, OSError) as error:
            trouble = _sorted(error, self.who, quoted=self.quoted)
        # Raised out here, so that the error with the server's own words is not even the context of ours.
        raise trouble

    def change(self, statement: str, values: Sequence[object] = ()) -> None:
        """One statement that takes effect at once: nothing about accounts waits for a commit."""
        guard()
        self.ask(statement, values)


def _not_itself() -> pymysql.OperationalError:
    return pymysql.OperationalError(2061, "not the password itself")


class _NeverAtAll:
    """What answers sha256_password where nobody knows who asks."""

    def __init__(self, _connection: object) -> None: ...

    def authenticate(self, _packet: object) -> None:
        raise _not_itself()


class _NeverInClear:
    """An authentication plugin that sends nothing."""

    def __init__(self, _connection: object) -> None: ...

    def authenticate(self, _packet: object) -> None:
        raise pymysql.OperationalError(2059, "not in clear")


@contextmanager
def session(
    login: Login, clock: Clock, who: str, program: str, *, allows: Allows, quoted: bool = True
) -> Iterator[Session]:
    """A session that ends in time.

    `who` says for people who logs in where; `quoted`: statements are ours, and their verdicts are explained. Raises
    CredentialRefused when the server refuses the login, Transient when nobody answers or the server is busy, Refused
    for a host that is not allowed.
    """
    must_be_allowed(allows, login.host, f"the host of {who}")
    opened = _connect(login, clock, who, program)
    if isinstance(opened, RotatorError):
        raise opened
    opened.quoted = quoted
    try:
        yield opened
    finally:
        opened._force_close()  # type: ignore[attr-defined]  # noqa: SLF001 - close() waits for a silent server


def _connect(login: Login, clock: Clock, who: str, program: str) -> Session | RotatorError:
    """The connection or what to say about it: returned, so that no exception drags the server's text along."""
    try:
        opened = Session(
            known=(known := _known(login)),
            clock=clock,
            host=login.host,
            port=login.port,
            user=login.user,
            password=login.password,
            database=login.database or None,
            charset="utf8mb4",
            connect_timeout=CONNECT_SECONDS,
            read_timeout=CONNECT_SECONDS,
            write_timeout=CONNECT_SECONDS,
            autocommit=True,
            program_name=program,
            auth_plugin_map={
                "mysql_clear_password": _NeverInClear,
                "dialog": _NeverInClear,
                **({} if known else {"sha256_password": _NeverAtAll}),
            },
            **_tls(login),
        )
    except (pymysql.Error, OSError, RuntimeError) as error:
        trouble = _unopened(error, who)
    else:
        opened.ends, opened.who = clock.monotonic() + TALK_SECONDS, who
        return opened
    return trouble


def _known(login: Login) -> bool:
    """Whether the other end is who it should be. An authority for everybody has verified nobody in particular."""
    own_authority = login.tls == "VERIFY_CA" and login.authority is not None
    return login.tls == "VERIFY_IDENTITY" or own_authority or on_this_machine(login.host)


def _tls(login: Login) -> dict[str, Any]:
    if login.tls == "DISABLED":
        return {"ssl_disabled": True}
    if login.tls == "PREFERRED":
        return {}
    if login.tls == "REQUIRED":
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = (
            False,
            ssl.CERT_NONE,
        )  # what REQUIRED means to MySQL's client
        return {"ssl": context}
    # Made here: PyMySQL's own verifies nothing where the system names no file of authorities.
    context = ssl.create_default_context(cafile=login.authority)
    context.check_hostname = login.tls == "VERIFY_IDENTITY"
    return {"ssl": context}


def _unopened(error: Exception, who: str) -> RotatorError:
    """Why no login came about. Only here does 1045 speak of the password: later it speaks of a right."""
    if _number(error) in _LOGIN_REFUSED:
        return CredentialRefused(
            f"the server refuses the login of {who}: wrong password, or it may not log in"
        )
    return _sorted(error, who, quoted=True)


def _number(error: Exception) -> int:
    return error.args[0] if error.args and isinstance(error.args[0], int) else 0


def _sorted(error: Exception, who: str, *, quoted: bool) -> RotatorError:
    """What an error means; its text is never shown."""
    number = _number(error)
    if number in _LATER:
        return Transient(f"{who}: {_LATER[number]}; it is asked again")
    if not quoted:
        return Refused(f"{who}: the server does not take the statement (error {number})")
    if number in _VERDICTS:
        return Refused(f"{who}: {_VERDICTS[number]} (error {number})")
    if isinstance(error, pymysql.OperationalError | OSError | RuntimeError):
        return Transient(f"{who}: no usable answer (error {number}); it is asked again")
    return Refused(f"{who}: the server does not take the statement (error {number})")
