"""Logging in to a MySQL or MariaDB as consumers do. Part of vault_database: see vault_database_logins."""

from __future__ import annotations

from collections.abc import Mapping

from rotator.contracts.adapter import Surroundings
from rotator.model.policy import Recipe
from rotator.model.secrets import Sealed
from rotator.providers.mysql_consumers import Consumers
from rotator.providers.mysql_session import session
from rotator.providers.vault_database_logins import PROGRAM, nobody


class MysqlLogins:
    """By PyMySQL."""

    def __init__(self, recipe: Recipe, template: str, around: Surroundings) -> None:
        self._around = around
        self._consumers = Consumers(recipe.secret, frozenset(recipe.fields), template, nobody)

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
        place, around = f"{who} at {self._consumers.place}", self._around
        with session(login, around.clock, place, PROGRAM, allows=around.allows) as consumer:
            consumer.ask("select 1")
