"""A company's database: an owner role, two login roles, an admin with as few rights as will do, and a bad network."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import psycopg
from psycopg import sql

from rotator.clock import SystemClock
from rotator.model.hosts import Allows, on_this_machine
from rotator.model.policy import Recipe
from rotator.model.secrets import Sealed
from rotator.providers.postgres import Postgres
from rotator.providers.postgres_dsn import parameters, render
from rotator.sandbox.postgres import EmbeddedPostgres
from rotator.testing.source_world import Fields
from rotator.testing.surroundings import surroundings
from tests.providers.postgres_proxy import PostgresProxy
from tests.providers.recipes import recipe_for

ADMIN = "ssm:/taly/staging/rotator/DATABASE_ADMIN_URL"


class PostgresWorld:
    """SourceWorld. Consumers and provider come through the proxy, the world itself does not."""

    def __init__(self, server: EmbeddedPostgres, *, separate: bool = False) -> None:
        mark = secrets.token_hex(4)
        self.owner, self.a, self.b = f"taly_{mark}", f"taly_app_a_{mark}", f"Taly App-B {mark}"
        self.database, self.admin = "postgres", f"rotator_{mark}"
        self.clock = SystemClock()
        self.server = server
        self.proxy = PostgresProxy((server.host, server.port))
        self.settings: dict[str, Any] = {}
        self.allows: Allows = on_this_machine
        self.tls = "sslmode=disable"
        self._separate = separate
        self._admin_password = secrets.token_urlsafe(16)

    def __enter__(self) -> Self:
        self.proxy.__enter__()
        self._superuser = psycopg.connect(self.server.superuser_dsn(), autocommit=True)
        self.run(
            "CREATE ROLE {owner} NOLOGIN",
            "CREATE SCHEMA {owner} AUTHORIZATION {owner}",
            "CREATE ROLE {a} NOLOGIN IN ROLE {owner}",
            "CREATE ROLE {b} NOLOGIN IN ROLE {owner}",
            "ALTER ROLE {a} SET role = {owner}",
            "ALTER ROLE {b} SET role = {owner}",
            f"CREATE ROLE {{admin}} LOGIN CREATEROLE PASSWORD '{self._admin_password}'",
            "GRANT pg_signal_backend TO {admin}",
        )
        modern = int(self.run("SHOW server_version_num")[0][0]) >= 160000
        least = "TRUE, INHERIT FALSE, SET FALSE" if modern else "OPTION"
        self.run(f"GRANT {{a}}, {{b}} TO {{admin}} WITH ADMIN {least}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.proxy.__exit__(kind, error, trace)
        self.run("DROP SCHEMA {owner} CASCADE", "DROP ROLE IF EXISTS {admin}, {a}, {b}, {owner}")
        self._superuser.close()

    # SourceWorld

    @property
    def provider(self) -> Postgres:
        references = {ADMIN: Sealed(self.admin_dsn)}
        return Postgres(self.recipe, surroundings(references=references, allows=self.allows))

    def predecessor(self) -> Fields:
        return self.person_opens(self.a)

    def foreign(self) -> Fields:
        return self.person_opens(self.b)

    def unknown(self) -> Fields:
        return self.fields("somebody_else", secrets.token_urlsafe(16))

    def relabel(self, fields: Fields) -> None:
        name = "{a}" if self._login(fields)["user"] == self.a else "{b}"
        self.run(f"COMMENT ON ROLE {name} IS 'ours [rotator:ro-another]'")

    def accepts(self, fields: Fields) -> bool:
        try:
            self.session(fields).close()
        except psycopg.OperationalError:
            return False
        return True

    @contextmanager
    def in_use(self, fields: Fields) -> Iterator[None]:
        with self.session(fields):
            yield

    def unsayable(self, fields: Fields) -> tuple[Sealed, ...]:
        password = Sealed(self._login(fields)["password"])
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

    def settle(self) -> None:
        """What PostgreSQL has committed is so."""

    # more of it

    @property
    def recipe(self) -> Recipe:
        settings: dict[str, Any] = {"users": [self.a, self.b], "admin": ADMIN}
        settings |= {} if self._separate else {"template": self.template}
        fields = (
            {"user": "DATABASE_USER", "password": "DATABASE_PASSWORD"}
            if self._separate
            else {"value": "DATABASE_URL"}
        )
        return recipe_for("DATABASE_URL", "postgres", settings={**settings, **self.settings}, fields=fields)

    @property
    def template(self) -> str:
        return (
            f"postgresql+asyncpg://{{user}}:{{password}}@127.0.0.1:{self.proxy.port}/{self.database}"
            f"?{self.tls}&prepared_statement_cache_size=0"
        )

    @property
    def admin_dsn(self) -> str:
        place = f"127.0.0.1:{self.proxy.port}/{self.database}?sslmode=disable"
        return f"postgresql://{self.admin}:{self._admin_password}@{place}"

    def fields(self, user: str, password: str) -> Fields:
        """What consumers read for a login."""
        if self._separate:
            return {"user": Sealed(user), "password": Sealed(password)}
        return {"value": Sealed(render(self.template, user, password))}

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        """As the superuser, past the proxy; `{owner}`, `{a}`, `{b}`, `{admin}` are names. The last rows."""
        names = {name: sql.Identifier(getattr(self, name)) for name in ("owner", "a", "b", "admin")}
        cursor = self._superuser.cursor()
        for statement in statements:
            cursor.execute(sql.SQL(statement).format(**names))
        return cursor.fetchall() if cursor.description else []

    def person_opens(self, role: str) -> Fields:
        """Somebody makes a role able to log in, as people do."""
        password = secrets.token_urlsafe(16)
        name = "{a}" if role == self.a else "{b}"
        self.run(f"ALTER ROLE {name} LOGIN PASSWORD '{password}'")
        return self.fields(role, password)

    def session(self, fields: Fields, application: str = "api") -> psycopg.Connection[tuple[Any, ...]]:
        """A consumer's session, past the proxy. Raises psycopg.OperationalError when it is refused."""
        login = {**self._login(fields), "port": str(self.server.port), "application_name": application}
        return psycopg.connect(**login, connect_timeout=60)  # type: ignore[arg-type]  # libpq takes strings for all

    def comment(self, name: str) -> str:
        """What is written about a role."""
        found = self._superuser.execute(
            "SELECT coalesce(shobj_description(oid, 'pg_authid'), '') FROM pg_roles WHERE rolname = %s",
            [name],
        ).fetchall()
        return str(found[0][0])

    def _login(self, fields: Fields) -> dict[str, str]:
        if self._separate:
            place = {"host": self.server.host, "dbname": self.database, "sslmode": "disable"}
            return place | {name: fields[name].reveal() for name in ("user", "password")}
        return parameters(fields["value"].reveal())
