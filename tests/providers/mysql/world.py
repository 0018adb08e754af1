"""A company's MySQL or MariaDB: one account that consumers use, rotator's own login, and a bad network."""

from __future__ import annotations

import json
import secrets
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import pymysql
from pymysql.connections import Connection

from rotator.clock import SystemClock
from rotator.model.policy import Recipe
from rotator.model.secrets import Sealed
from rotator.providers.mysql import Mysql
from rotator.providers.mysql_consumers import parsed, render
from rotator.providers.mysql_verifiers import digest, is_of
from rotator.sandbox.mariadb import EmbeddedMariaDb
from rotator.sandbox.sources.mysql8 import Account, MySql8
from rotator.testing.source_world import Fields
from rotator.testing.surroundings import surroundings
from tests.providers.mysql.proxy import MysqlProxy
from tests.providers.recipes import recipe_for

ADMIN = "ssm:/taly/staging/rotator/DATABASE_ADMIN_URL"


class MysqlWorld(ABC):
    """SourceWorld. Consumers and provider come through the proxy, the world itself does not."""

    plugin = "mysql_native_password"
    database = ""
    tls = "PREFERRED"

    def __init__(self, host: str, port: int, *, separate: bool = False) -> None:
        mark = secrets.token_hex(4)
        self.user, self.admin = f"taly app-{mark}", f"rotator_{mark}"
        self.clock = SystemClock()
        self.proxy = MysqlProxy((host, port))
        self.settings: dict[str, Any] = {}
        self._separate, self._port = separate, port
        self._admin_password = secrets.token_urlsafe(16)

    def __enter__(self) -> Self:
        self.proxy.__enter__()
        self.make_admin(self._admin_password)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.proxy.__exit__(kind, error, trace)

    @abstractmethod
    def make_admin(self, password: str) -> None:
        """rotator's own login, with as few rights as will do."""

    @abstractmethod
    def make_account(self, password: str) -> None:
        """The consumers' account."""

    @abstractmethod
    def person_adds(self, password: str) -> None:
        """Somebody gives the account one more password."""

    @abstractmethod
    def person_sets(self, password: str) -> None:
        """Somebody resets the account's password, as people do: whatever was there is gone."""

    @abstractmethod
    def relabel(self, fields: Fields) -> None:
        """See SourceWorld."""

    # SourceWorld

    @property
    def provider(self) -> Mysql:
        return Mysql(self.recipe, surroundings(references={ADMIN: Sealed(self.admin_dsn)}))

    def predecessor(self) -> Fields:
        password = secrets.token_urlsafe(16)
        self.make_account(password)
        return self.fields(self.user, password)

    def foreign(self) -> Fields:
        password = secrets.token_urlsafe(16)
        self.person_adds(password)
        return self.fields(self.user, password)

    def unknown(self) -> Fields:
        return self.fields("somebody_else", secrets.token_urlsafe(16))

    def accepts(self, fields: Fields) -> bool:
        try:
            self.session(fields).close()
        except pymysql.OperationalError:
            return False
        return True

    @contextmanager
    def in_use(self, fields: Fields) -> Iterator[None]:
        with self.session(fields):
            yield

    def unsayable(self, fields: Fields) -> tuple[Sealed, ...]:
        password = Sealed(self.password_in(fields))
        return (password,) if self._separate else (password, fields["value"])

    def lose_next_answer(self) -> None:
        self.proxy.lose_next_commit = True

    def throttle_next(self) -> None:
        self.proxy.throttle_next = True

    @contextmanager
    def away(self) -> Iterator[None]:
        self.proxy.away = True
        yield
        self.proxy.away = False

    def settle(self) -> None:  # noqa: B027 - nothing to wait for: what the server has done is so
        pass

    # more of it

    @property
    def recipe(self) -> Recipe:
        settings: dict[str, Any] = {"user": self.user, "admin": ADMIN}
        settings |= {} if self._separate else {"template": self.template}
        fields = (
            {"user": "DATABASE_USER", "password": "DATABASE_PASSWORD"}
            if self._separate
            else {"value": "DATABASE_URL"}
        )
        return recipe_for("DATABASE_URL", "mysql", settings={**settings, **self.settings}, fields=fields)

    @property
    def template(self) -> str:
        place = f"127.0.0.1:{self.proxy.port}/{self.database}"
        return f"mysql+aiomysql://{{user}}:{{password}}@{place}?charset=utf8mb4&ssl-mode={self.tls}"

    @property
    def admin_dsn(self) -> str:
        return f"mysql://{self.admin}:{self._admin_password}@127.0.0.1:{self.proxy.port}/?ssl-mode={self.tls}"

    def fields(self, user: str, password: str) -> Fields:
        """What consumers read for a login."""
        if self._separate:
            return {"user": Sealed(user), "password": Sealed(password)}
        return {"value": Sealed(render(self.template, user, password))}

    def password_in(self, fields: Fields) -> str:
        return fields["password"].reveal() if self._separate else parsed(fields["value"].reveal()).password

    def session(self, fields: Fields) -> Connection[Any]:
        """A consumer's session, past the proxy. Raises pymysql.OperationalError when it is refused."""
        user = fields["user"].reveal() if self._separate else parsed(fields["value"].reveal()).user
        return pymysql.connect(
            host="127.0.0.1",
            port=self._port,
            user=user,
            password=self.password_in(fields),
            connect_timeout=60,
            ssl_disabled=self.tls == "DISABLED",
        )


class MariaDbWorld(MysqlWorld):
    """On Debian's server."""

    def __init__(self, server: EmbeddedMariaDb, *, separate: bool = False) -> None:
        super().__init__(server.host, server.port, separate=separate)
        self._root = server.superuser()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        for user in (self.user, self.admin):
            self.run("drop user if exists %s", user)
        self._root.close()

    def run(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """As the superuser, past the proxy."""
        with self._root.cursor() as cursor:
            cursor.execute(statement, values or None)
            return list(cursor.fetchall())

    def make_admin(self, password: str) -> None:
        self.run("create database if not exists rotator")
        self.run("create user %s identified by %s", self.admin, password)
        self.run("grant create user, process on *.* to %s", self.admin)
        self.run("grant select on mysql.global_priv to %s", self.admin)
        self.run("grant create, select, insert on rotator.* to %s", self.admin)

    def make_account(self, password: str) -> None:
        self.run(f"create user %s identified via {self.plugin} using password(%s)", self.user, password)

    def person_adds(self, password: str) -> None:
        there = self.ways()[0]
        self.run(
            "alter user %s identified via mysql_native_password using password(%s) "
            f"or {there['plugin']} using %s",
            self.user,
            password,
            there["authentication_string"],
        )

    def person_sets(self, password: str) -> None:
        self.run("alter user %s identified by %s", self.user, password)

    def relabel(self, fields: Fields) -> None:
        password = self.password_in(fields)
        for way in self.ways():
            if is_of(password, way["plugin"], way["authentication_string"]):
                mark = digest(way["authentication_string"])
                self.run("update rotator.passwords set holder = 'ro-another' where verifier = %s", mark)

    def ways(self) -> list[dict[str, str]]:
        """How the account may log in."""
        outer = json.loads(self.run("select Priv from mysql.global_priv where User = %s", self.user)[0][0])
        return [one or outer for one in outer.get("auth_or", [outer])]


class MySql8World(MysqlWorld):
    """On the stand-in."""

    plugin = "caching_sha2_password"
    tls = "DISABLED"  # it speaks none, and getting ready for it takes longer than a test

    def __init__(self, server: MySql8, *, separate: bool = False) -> None:
        super().__init__(server.host, server.port, separate=separate)
        self.server = server

    @property
    def account(self) -> Account:
        return self.server.accounts[self.user]

    def make_admin(self, password: str) -> None:
        self.server.accounts[self.admin] = Account(self.admin, "%", "caching_sha2_password", password)

    def make_account(self, password: str) -> None:
        self.server.accounts[self.user] = Account(self.user, "%", self.plugin, password)

    def person_adds(self, password: str) -> None:
        self.account.kept, self.account.password = self.account.password, password

    def person_sets(self, password: str) -> None:
        self.account.kept, self.account.password = None, password

    def relabel(self, fields: Fields) -> None:
        names = json.loads(self.account.attribute["rotator"])
        names["holders"][digest(self.account.verifier(self.password_in(fields)))] = "ro-another"
        self.account.attribute["rotator"] = json.dumps(names)
