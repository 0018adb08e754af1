"""Two users of a real PostgreSQL, held by static roles of a real OpenBao."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import hvac
import psycopg
from hvac.exceptions import InvalidPath
from psycopg import sql

from rotator.providers.postgres_dsn import render
from rotator.sandbox.openbao import EmbeddedOpenBao
from rotator.sandbox.postgres import EmbeddedPostgres
from tests.company.secret import Held, logs_in
from tests.crash.sources.source import PATH, Known, Login, There
from tests.vault.database_world import POLICY

_ROLE, _USERS, _MOUNT = "app", ("app_a", "app_b"), "database"
_OURS = f"{_ROLE}-rotator-"


class VaultRoles(Login):
    """A person has made the first static role; rotator has a token for the mount and nothing else."""

    adapter = "vault-database"
    rules = ("accept_unseen",)

    def start(self, folder: Path, around: ExitStack) -> Mapping[str, str]:
        server = around.enter_context(EmbeddedPostgres(folder / "postgres"))
        openbao = around.enter_context(EmbeddedOpenBao(folder / "openbao"))
        root: Any = hvac.Client(url=openbao.address, token=openbao.token)
        self._address, self._database = openbao.address, root.secrets.database
        with psycopg.connect(server.superuser_dsn(), autocommit=True) as superuser:
            for user in _USERS:
                superuser.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(user)))
        root.sys.enable_secrets_engine("database", path=_MOUNT)
        place = f"{server.host}:{server.port}/postgres?sslmode=disable"
        self._database.configure(
            "crm",
            "postgresql-database-plugin",
            allowed_roles=[f"{_ROLE}*"],
            connection_url=f"postgresql://{{{{username}}}}:{{{{password}}}}@{place}",
            username="postgres",
            password=server.superuser_password,
        )
        root.sys.create_or_update_policy(_ROLE, POLICY.format(mount=_MOUNT, role=_ROLE))
        made = root.auth.token.create(policies=[_ROLE], ttl="24h")
        self._token = made["auth"]["client_token"]
        self._template = f"postgresql://{{user}}:{{password}}@{place}"
        self._database.create_static_role(_ROLE, "crm", _USERS[0], [], "24h")
        first = self._database.get_static_credentials(_ROLE)["data"]
        self.first_id = f"{_ROLE}@{first['last_vault_rotation']}"
        return {"value": render(self._template, _USERS[0], first["password"])}

    def settings(self) -> Mapping[str, Any]:
        auth = {"token": f"ssm:{PATH}/rotator/VAULT_TOKEN"}
        where = {"role": _ROLE, "connection": "crm", "mount": _MOUNT, "template": self._template}
        return {**where, "users": [*_USERS], "auth": auth}

    def own(self) -> Mapping[str, str]:
        return {"VAULT_TOKEN": self._token}

    def environment(self) -> Mapping[str, str]:
        return {"ROTATOR_ENDPOINT_VAULT": self._address}

    def takes(self, fields: Mapping[str, str]) -> bool:
        return logs_in(fields["value"])

    def there(self, known: Known, everybody: Iterable[Held]) -> Iterable[There]:
        return {*self._listed(), *self.tried(known)}

    def _listed(self) -> Iterator[There]:
        try:
            names = self._database.list_static_roles()["data"]["keys"]
        except InvalidPath:  # an empty list is told so
            return
        for name in names:
            held = self._database.read_static_role(name)["data"]
            label = name.removeprefix(_OURS) if name.startswith(_OURS) else ""
            yield There(f"{name}@{held['last_vault_rotation']}", label)
