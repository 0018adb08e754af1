"""Two login roles of a real PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg

from rotator.sandbox.demo.seeds import USERS, prepare_database
from rotator.sandbox.postgres import EmbeddedPostgres
from tests.company.secret import Held, logs_in
from tests.crash.sources.source import PATH, Known, Login, There

_MARK = re.compile(r"\[rotator:([^\]\s]+)")
_ROLES = (
    "select rolname, coalesce(shobj_description(oid, 'pg_authid'), '') from pg_roles "
    "where rolcanlogin and rolname = any(%s)"
)


class PostgresRoles(Login):
    """One server for each lane."""

    adapter = "postgres"
    first_id = f"{USERS[0]}@first"

    def start(self, folder: Path, around: ExitStack) -> Mapping[str, str]:
        self._server = around.enter_context(EmbeddedPostgres(folder / "postgres"))
        in_use, self._admin = prepare_database(self._server)
        return {"value": in_use}

    def settings(self) -> Mapping[str, Any]:
        place = f"{self._server.host}:{self._server.port}/taly"
        return {
            "users": [*USERS],
            "admin": f"ssm:{PATH}/rotator/DATABASE_ADMIN_URL",
            "template": f"postgresql://{{user}}:{{password}}@{place}",
        }

    def own(self) -> Mapping[str, str]:
        return {"DATABASE_ADMIN_URL": self._admin}

    def takes(self, fields: Mapping[str, str]) -> bool:
        return logs_in(fields["value"])

    def there(self, known: Known, everybody: Iterable[Held]) -> Iterable[There]:
        """A role is called by the mark that it bears."""
        with psycopg.connect(self._server.superuser_dsn()) as session:
            roles = session.execute(_ROLES, [[*USERS]]).fetchall()
        marks = {name: mark[1] if (mark := _MARK.search(comment)) else "first" for name, comment in roles}
        return {*(There(f"{name}@{mark}", mark) for name, mark in marks.items()), *self.tried(known)}
