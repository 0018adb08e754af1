"""How consumers of a static role's database user log in: by PostgreSQL's or MySQL's protocol, as the template says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn, Protocol

from rotator.contracts.clock import Clock
from rotator.model.errors import Refused
from rotator.model.policy import Recipe
from rotator.model.secrets import Sealed
from rotator.providers import mysql_consumers, postgres_consumers, postgres_dsn
from rotator.providers.mysql_session import session
from rotator.providers.postgres_session import transaction

#: One parameter with a connection string, or one for the user and one for the password.
FORMS = postgres_consumers.FORMS
_PROGRAM = "rotator verify"


class Logins(Protocol):
    """One kind of database."""

    def fields_for(self, user: str, password: str) -> dict[str, Sealed]:
        """What consumers are to read."""

    def read(self, fields: Mapping[str, Sealed]) -> tuple[str, Sealed]:
        """User and password in what they read. Raises Refused when it leads elsewhere than the template."""

    def attempt(self, fields: Mapping[str, Sealed], who: str) -> None:
        """Logs in as they do. Raises CredentialRefused on the database's own word."""


def logins_of(recipe: Recipe, template: str, clock: Clock) -> Logins:
    """By the template's scheme."""
    kind = PostgresLogins if template.startswith(("postgres", "jdbc:postgres")) else MysqlLogins
    return kind(recipe, template, clock)


def wrong_with(template: str) -> str:
    """What is wrong with a template; empty when it makes a connection string."""
    if not template.startswith(("postgres", "jdbc:postgres")):
        return mysql_consumers.wrong_with(template)
    try:
        login = postgres_dsn.parameters(postgres_dsn.render(template, "one", "two"))
    except postgres_dsn.MalformedDsn as malformed:
        return str(malformed)
    filled = (login.get("user"), login.get("password")) == ("one", "two")
    return "" if filled else "lacks {user} and {password}"


class PostgresLogins:
    """By libpq."""

    def __init__(self, recipe: Recipe, template: str, clock: Clock) -> None:
        self._clock = clock
        self._consumers = postgres_consumers.Consumers(
            recipe.secret, frozenset(recipe.fields), template, _nobody
        )

    def fields_for(self, user: str, password: str) -> dict[str, Sealed]:
        """See Logins."""
        return self._consumers.fields_for(user, password)

    def read(self, fields: Mapping[str, Sealed]) -> tuple[str, Sealed]:
        """See Logins."""
        login = self._consumers.login(fields)
        self._consumers.check_place(login)
        return login.get("user", ""), Sealed(login.get("password", ""))

    def attempt(self, fields: Mapping[str, Sealed], who: str) -> None:
        """Never with the password in clear."""
        login = {"require_auth": "!password", **self._consumers.login(fields)}
        with transaction(login, self._clock, f"{who} at {self._consumers.place}", _PROGRAM) as consumer:
            consumer.execute("select 1")


class MysqlLogins:
    """By PyMySQL."""

    def __init__(self, recipe: Recipe, template: str, clock: Clock) -> None:
        self._clock = clock
        self._consumers = mysql_consumers.Consumers(
            recipe.secret, frozenset(recipe.fields), template, _nobody
        )

    def fields_for(self, user: str, password: str) -> dict[str, Sealed]:
        """See Logins."""
        return self._consumers.fields_for(user, password)

    def read(self, fields: Mapping[str, Sealed]) -> tuple[str, Sealed]:
        """See Logins."""
        login = self._consumers.login(fields)
        self._consumers.check_place(login)
        return login.user, Sealed(login.password)

    def attempt(self, fields: Mapping[str, Sealed], who: str) -> None:
        """Never with the password in clear."""
        login = self._consumers.login(fields)
        with session(login, self._clock, f"{who} at {self._consumers.place}", _PROGRAM) as consumer:
            consumer.ask("select 1")


def _nobody() -> NoReturn:
    raise Refused("there is no admin's login here: the template says where consumers log in")
