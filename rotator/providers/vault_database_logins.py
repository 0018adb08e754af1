"""How consumers of a static role's database user log in: by PostgreSQL's or MySQL's protocol, as the template says.

The two are files of their own, so that nobody imports the driver of a database that he does not have.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn, Protocol

from rotator.contracts.adapter import Surroundings
from rotator.model.errors import Refused
from rotator.model.policy import Recipe
from rotator.model.secrets import Sealed
from rotator.providers import mysql_consumers

PROGRAM = "rotator verify"


class Logins(Protocol):
    """One kind of database."""

    def fields_for(self, user: str, password: str) -> dict[str, Sealed]:
        """What consumers are to read."""

    def read(self, fields: Mapping[str, Sealed]) -> tuple[str, Sealed]:
        """User and password in what they read. Raises Refused when it leads elsewhere than the template."""

    def attempt(self, fields: Mapping[str, Sealed], who: str) -> None:
        """Logs in as they do. Raises CredentialRefused on the database's own word."""


def logins_of(recipe: Recipe, template: str, around: Surroundings) -> Logins:
    """By the template's scheme."""
    if _is_postgres(template):
        from rotator.providers.vault_database_postgres import PostgresLogins  # noqa: PLC0415 - imports psycopg

        return PostgresLogins(recipe, template, around)
    from rotator.providers.vault_database_mysql import MysqlLogins  # noqa: PLC0415 - imports PyMySQL

    return MysqlLogins(recipe, template, around)


def wrong_with(template: str) -> str:
    """What is wrong with a template; empty when it makes a connection string."""
    if not _is_postgres(template):
        return mysql_consumers.wrong_with(template)
    from rotator.providers import postgres_dsn  # noqa: PLC0415 - libpq itself reads it

    try:
        login = postgres_dsn.parameters(postgres_dsn.render(template, "one", "two"))
    except postgres_dsn.MalformedDsn as malformed:
        return str(malformed)
    filled = (login.get("user"), login.get("password")) == ("one", "two")
    return "" if filled else "lacks {user} and {password}"


def hosts(template: str) -> list[str]:
    """The hosts that consumers may log in at."""
    if not _is_postgres(template):
        return mysql_consumers.hosts(template)
    from rotator.providers import postgres_dsn  # noqa: PLC0415 - libpq itself reads it

    return postgres_dsn.hosts(postgres_dsn.render(template, "one", "two"))


def nobody() -> NoReturn:
    """Whoever asks for an admin's login."""
    raise Refused("there is no admin's login here: the template says where consumers log in")


def _is_postgres(template: str) -> bool:
    return template.startswith(("postgres", "jdbc:postgres"))
