"""rotator's own login at a MySQL or MariaDB server, and the account as it is seen from there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING

from rotator.contracts.adapter import Surroundings
from rotator.model.errors import CredentialRefused, Refused, Transient
from rotator.providers.mysql_accounts import Account, Dialect
from rotator.providers.mysql_consumers import MalformedDsn, parsed
from rotator.providers.mysql_dual import MySqlDual
from rotator.providers.mysql_mariadb import MariaDb

if TYPE_CHECKING:
    from rotator.providers.mysql_session import Session

PROGRAM = "rotator"
_LOCK_SECONDS = 3


class Server:
    """The server that the connection string in `admin` leads to, and one account there (user, host pattern)."""

    def __init__(self, admin: str, account: tuple[str, str], principal: str, around: Surroundings) -> None:
        self._admin, self._account, self._principal, self._around = admin, account, principal, around

    def account(self) -> Account:
        """The account as it is now. Raises Refused where there is none, Transient."""
        with self.session() as (server, dialect):
            return dialect.read(server, self._account)

    @contextmanager
    def changing(self) -> Iterator[tuple[Session, Dialect, Account]]:
        """A session that changes the account: one at a time. Raises Transient while another one does."""
        with self.session() as (server, dialect):
            lock = f"rotator:{sha256(self._principal.encode()).hexdigest()[:32]}"
            if server.ask("select get_lock(%s, %s)", [lock, _LOCK_SECONDS])[0][0] != 1:
                raise Transient(f"another rotator is changing {self._principal}; it is asked again")
            yield server, dialect, dialect.read(server, self._account)

    @contextmanager
    def session(self) -> Iterator[tuple[Session, Dialect]]:
        """A session of rotator's own login, bounded by the server too. Raises Refused, Transient."""
        from rotator.providers.mysql_session import TALK_SECONDS, session  # noqa: PLC0415 - PyMySQL is imported on first use

        name, around = self._admin, self._around
        try:
            login = parsed(around.resolve(name).reveal())
        except MalformedDsn as malformed:
            raise Refused(f"{name}: {malformed}") from None
        try:
            who = f"the server of {name}"
            with session(login, around.clock, who, PROGRAM, allows=around.allows) as server:
                server.ask("set session wait_timeout = %s, lock_wait_timeout = %s", [int(TALK_SECONDS)] * 2)
                yield server, dialect_of(server.ask("select version()")[0][0])
        except CredentialRefused:
            raise Transient(
                f"the server refuses rotator's own login in {name}: nothing was changed, consumers are not affected. "
                "Put a login that works there; it is read again at the next try"
            ) from None


def dialect_of(version: str) -> Dialect:
    """By what the server calls itself. Raises Refused where accounts have one password only."""
    is_mariadb = "mariadb" in version.lower()
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:3])
    if numbers < ((10, 4) if is_mariadb else (8, 0, 21)):
        raise Refused(
            f"the server is {version}; an account has two passwords from MySQL 8.0.21 and MariaDB 10.4 on"
        )
    return MariaDb() if is_mariadb else MySqlDual()
