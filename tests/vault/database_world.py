"""A company's database whose users Vault holds: OpenBao and PostgreSQL for real, each behind a bad network."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import hvac
import psycopg
import pytest
from psycopg import sql

from rotator.clock import SystemClock
from rotator.model.policy import Recipe
from rotator.model.secrets import Sealed
from rotator.providers.postgres_dsn import parameters, render
from rotator.providers.vault_database import VaultDatabase
from rotator.sandbox.openbao import EmbeddedOpenBao
from rotator.sandbox.postgres import EmbeddedPostgres
from rotator.testing.source_world import Fields
from rotator.testing.surroundings import surroundings
from tests.providers.postgres_proxy import PostgresProxy
from tests.providers.recipes import recipe_for
from tests.vault.front import VaultFront

TOKEN = "ssm:/taly/staging/rotator/VAULT_TOKEN"
POLICY = """
path "{mount}/static-roles" {{ capabilities = ["list"] }}
path "{mount}/static-roles/{role}*" {{ capabilities = ["read", "create", "update", "delete"] }}
path "{mount}/static-creds/{role}*" {{ capabilities = ["read"] }}
path "{mount}/rotate-role/{role}*" {{ capabilities = ["update"] }}
"""


class VaultDatabaseWorld:
    """SourceWorld. Vault reaches the database directly, consumers and rotator through proxies."""

    def __init__(self, openbao: EmbeddedOpenBao, server: EmbeddedPostgres) -> None:
        mark = secrets.token_hex(4)
        self.role, self.users, self.mount = f"app-{mark}", (f"app_a_{mark}", f"app_b_{mark}"), f"db-{mark}"
        self.clock, self.server = SystemClock(), server
        self.front, self.proxy = VaultFront(openbao.address), PostgresProxy((server.host, server.port))
        self.root: Any = hvac.Client(url=openbao.address, token=openbao.token)
        self.database: Any = self.root.secrets.database
        self.settings: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self.front.__enter__()
        self.proxy.__enter__()
        self._superuser = psycopg.connect(self.server.superuser_dsn(), autocommit=True)
        for user in self.users:
            self._superuser.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(user)))
        self.root.sys.enable_secrets_engine("database", path=self.mount)
        self.database.configure(
            "crm",
            "postgresql-database-plugin",
            allowed_roles=[f"{self.role}*"],
            mount_point=self.mount,
            connection_url=(
                f"postgresql://{{{{username}}}}:{{{{password}}}}@127.0.0.1:{self.server.port}/postgres?sslmode=disable"
            ),
            username="postgres",
            password=self.server.superuser_password,
        )
        self.root.sys.create_or_update_policy(self.role, POLICY.format(mount=self.mount, role=self.role))
        made = self.root.auth.token.create(policies=[self.role], ttl="1h")
        self.token = Sealed(made["auth"]["client_token"])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.front.__exit__(kind, error, trace)
        self.proxy.__exit__(kind, error, trace)
        self.root.sys.disable_secrets_engine(self.mount)
        for user in self.users:
            self._superuser.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(user)))
        self._superuser.close()

    # SourceWorld

    @property
    def provider(self) -> VaultDatabase:
        around = surroundings(references={TOKEN: self.token}, endpoints={"vault": self.front.address})
        return VaultDatabase(self.recipe, around)

    def predecessor(self) -> Fields:
        return self.person_makes(self.role, self.users[0])

    def foreign(self) -> Fields:
        return self.person_makes(f"{self.role}-mine", self.users[1])

    def unknown(self) -> Fields:
        return self.fields("somebody_else", secrets.token_urlsafe(16))

    def relabel(self, fields: Fields) -> None:
        pytest.skip("a static role cannot get another name")

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
        return (fields["value"], Sealed(parameters(fields["value"].reveal())["password"]), self.token)

    def lose_next_answer(self) -> None:
        self.front.lose_next = True

    def throttle_next(self) -> None:
        self.proxy.throttle_next = True

    @contextmanager
    def away(self) -> Iterator[None]:
        self.front.away = self.proxy.away = True
        yield
        self.front.away = self.proxy.away = False

    def settle(self) -> None:
        """What Vault has done is so."""

    # more of it

    @property
    def recipe(self) -> Recipe:
        settings = {
            "role": self.role,
            "connection": "crm",
            "users": list(self.users),
            "template": self.template,
            "auth": {"token": TOKEN},
            "mount": self.mount,
        }
        return recipe_for("DATABASE_URL", "vault-database", settings={**settings, **self.settings})

    @property
    def template(self) -> str:
        return f"postgresql://{{user}}:{{password}}@127.0.0.1:{self.proxy.port}/postgres?sslmode=disable"

    def fields(self, user: str, password: str) -> Fields:
        return {"value": Sealed(render(self.template, user, password))}

    def person_makes(self, name: str, user: str) -> Fields:
        """A static role that an admin made."""
        self.database.create_static_role(name, "crm", user, [], "24h", mount_point=self.mount)
        held = self.database.get_static_credentials(name, mount_point=self.mount)["data"]
        return self.fields(user, held["password"])

    def names(self) -> list[str]:
        names: list[str] = self.database.list_static_roles(mount_point=self.mount)["data"]["keys"]
        return names

    def session(self, fields: Fields) -> psycopg.Connection[tuple[Any, ...]]:
        """A consumer's session, past the proxy. Raises psycopg.OperationalError when it is refused."""
        login = {**parameters(fields["value"].reveal()), "port": str(self.server.port)}
        return psycopg.connect(**login, connect_timeout=60)  # type: ignore[arg-type]  # libpq takes strings for all
