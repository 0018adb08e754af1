"""The master user of a real PostgreSQL, whose password RDS sets some time after it says yes. It has one password."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg

from rotator.clock import SystemClock
from rotator.sandbox.postgres import EmbeddedPostgres
from rotator.sandbox.sources.rds import Rds, of_postgres
from tests.company.secret import Held, logs_in
from tests.crash.sources.source import Known, Login, There

_INSTANCE, _USER = "taly-staging", "master"


class RdsMasterUser(Login):
    """Time passes at RDS whenever anybody asks it or logs in."""

    adapter = "rds-master"
    rules = ("accept_gap", "accept_unseen")

    def start(self, folder: Path, around: ExitStack) -> Mapping[str, str]:
        server = around.enter_context(EmbeddedPostgres(folder / "postgres"))
        with psycopg.connect(server.superuser_dsn(), autocommit=True) as superuser:
            superuser.execute(f'CREATE ROLE "{_USER}"')
        self._rds = Rds(SystemClock(), applies_after=timedelta(seconds=0.5))
        self._rds.servers[_INSTANCE] = of_postgres(_INSTANCE, _USER, server.superuser_dsn())
        self._address = around.enter_context(self._rds.server.serving())
        self._template = f"postgresql://{{user}}:{{password}}@{server.host}:{server.port}/postgres"
        first = secrets.token_urlsafe(16)
        self._rds.servers[_INSTANCE].apply(first)
        return {"value": self._template.format(user=_USER, password=first)}

    def settings(self) -> Mapping[str, Any]:
        return {"instance": _INSTANCE, "template": self._template}

    def environment(self) -> Mapping[str, str]:
        return {"ROTATOR_ENDPOINT_RDS": self._address}

    def takes(self, fields: Mapping[str, str]) -> bool:
        with self._rds.server._one_at_a_time:
            self._rds.catch_up()
        return logs_in(fields["value"])

    def there(self, known: Known, everybody: Iterable[Held]) -> Iterable[There]:
        return self.tried(known)
