"""rotator's own login at a PostgreSQL server, and the pair of roles as it is seen from there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rotator.contracts.adapter import Surroundings
from rotator.contracts.guard import guard
from rotator.model.errors import CredentialRefused, Refused, Transient
from rotator.providers.postgres_dsn import MalformedDsn, parameters
from rotator.providers.postgres_roles import Pair, find_pair
from rotator.providers.postgres_session import TALK_SECONDS, Session, transaction

_APPLICATION = "rotator"


class Server:
    """The server that the connection string in `admin` leads to, and two roles there."""

    def __init__(self, admin: str, users: tuple[str, str], principal: str, around: Surroundings) -> None:
        self._admin, self._users, self._principal, self._around = admin, users, principal, around

    def pair(self) -> Pair:
        """The roles as they are now. Raises Refused where there are none, Transient."""
        with self.transaction() as admin:
            return find_pair(admin, self._users)

    @contextmanager
    def changing(self) -> Iterator[tuple[Session, Pair]]:
        """A transaction that changes the pair: one at a time, and nothing takes effect without the claim."""
        with self.transaction() as admin:
            admin.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [self._principal])
            yield admin, find_pair(admin, self._users)
            guard()

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A transaction of rotator's own login, bounded by the server too. Raises Refused, Transient."""
        name, around = self._admin, self._around
        try:
            login = parameters(around.resolve(name).reveal())
        except MalformedDsn as malformed:
            raise Refused(f"{name}: {malformed}") from None
        try:
            with transaction(
                login, around.clock, f"the server of {name}", _APPLICATION, allows=around.allows
            ) as admin:
                admin.execute(
                    """select set_config('statement_timeout', %(bound)s, true),
                              set_config('idle_in_transaction_session_timeout', %(bound)s, true)""",
                    {"bound": f"{TALK_SECONDS:.0f}s"},
                )
                yield admin
        except CredentialRefused:
            raise Transient(
                f"the server refuses rotator's own login in {name}: nothing was changed, consumers are not affected. "
                "Put a login that works there; it is read again at the next try"
            ) from None
