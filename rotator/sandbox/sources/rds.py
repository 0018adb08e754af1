"""RDS of the sandbox: instances and clusters in front of real database servers, whose master passwords it sets.

Written from the API reference of Amazon RDS (ModifyDBInstance, ModifyDBCluster, DescribeDBInstances,
DescribeDBClusters, PendingModifiedValues) and "Viewing DB instance status" in its user guide. As there, the answer is a
yes, the password is masked among the pending values, the status goes on reading `available` for a while, and the server
takes the password over some time later; a cluster ignores a password without ApplyImmediately; ApplyImmediately applies
everything else that is pending.

Simplified: time passes when somebody asks or calls `catch_up`; other changes have names and no effect.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from rotator.clock import SystemClock
from rotator.contracts.clock import Clock
from rotator.sandbox.sources.aws_query import Call, Listed, QueryServer, Refusal
from rotator.sandbox.sources.listening import serve_until_ended
from rotator.sandbox.weather import Weather

_FORBIDDEN = re.compile(r'[^\x21-\x7e]|[/"@]')


@dataclass
class Server:
    """One database. `apply` makes the real server accept a master password; a `cluster` is one itself."""

    name: str
    engine: str
    user: str
    host: str
    port: int
    apply: Callable[[str], None] = field(repr=False)
    is_cluster: bool = False
    member_of: str = ""
    managed: bool = False
    status: str = "available"
    pending: dict[str, str] = field(default_factory=dict)  # other changes, for the maintenance window
    applied: list[str] = field(default_factory=list)  # names of what was applied, in order
    told: tuple[datetime, str] | None = field(default=None, repr=False)

    @property
    def longest(self) -> int:
        """Characters of a password (ModifyDBInstance, ModifyDBCluster: MasterUserPassword)."""
        return 128 if self.engine == "postgres" and not self.is_cluster else 41


class Rds:
    """The account's databases; a password is applied `applies_after` it was told, and shows in the status by half."""

    def __init__(
        self,
        clock: Clock,
        *,
        applies_after: timedelta = timedelta(seconds=40),
    ) -> None:
        self.clock, self.applies_after = clock, applies_after
        self.servers: dict[str, Server] = {}
        self.server = QueryServer(
            {
                "DescribeDBInstances": lambda call: self._described(call, "DBInstance"),
                "DescribeDBClusters": lambda call: self._described(call, "DBCluster"),
                "ModifyDBInstance": lambda call: self._modified(call, "DBInstance"),
                "ModifyDBCluster": lambda call: self._modified(call, "DBCluster"),
            },
            Weather(),
        )

    def catch_up(self) -> None:
        """Applies what is due by now."""
        now = self.clock.now()
        for server in self.servers.values():
            if server.told is None:
                continue
            since, password = server.told
            if now >= since + self.applies_after:
                server.apply(password)
                server.applied.append("MasterUserPassword")
                server.status, server.told = "available", None
            elif now >= since + self.applies_after / 2:
                server.status = "resetting-master-credentials"

    def _described(self, call: Call, kind: str) -> Mapping[str, Any]:
        server = self._find(call, kind)
        return {f"{kind}s": Listed(kind, [_shown(server)])}

    def _modified(self, call: Call, kind: str) -> Mapping[str, Any]:
        server, password = self._find(call, kind), call.given["MasterUserPassword"]
        if server.managed or server.member_of:
            sentence = "You can't specify MasterUserPassword for this DB instance."
            raise Refusal("InvalidParameterCombination", sentence)
        if server.status != "available":
            code = "InvalidDBClusterStateFault" if server.is_cluster else "InvalidDBInstanceState"
            raise Refusal(code, f"It is {server.status}.")
        if not 8 <= len(password) <= server.longest or _FORBIDDEN.search(password):
            raise Refusal(
                "InvalidParameterValue", f"The parameter MasterUserPassword {password} is not valid."
            )
        at_once = call.given.get("ApplyImmediately") == "true"
        if at_once:
            server.applied += server.pending
            server.pending.clear()
        if at_once or not server.is_cluster:
            server.told = (self.clock.now(), password)
        return {kind: _shown(server)}

    def _find(self, call: Call, kind: str) -> Server:
        self.catch_up()
        name, is_cluster = call.given[f"{kind}Identifier"], kind == "DBCluster"
        server = self.servers.get(name)
        if server is None or server.is_cluster is not is_cluster:
            code = "DBClusterNotFoundFault" if is_cluster else "DBInstanceNotFound"
            raise Refusal(code, f"{kind} {name} not found.", HTTPStatus.NOT_FOUND)
        return server


def of_postgres(name: str, user: str, superuser: str, **more: Any) -> Server:
    """The role `user` of a PostgreSQL server as somebody's master user; `superuser` is a connection string."""
    place = conninfo_to_dict(superuser)

    def apply(password: str) -> None:
        with psycopg.connect(superuser, autocommit=True) as admin:
            admin.execute(
                sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(user), sql.Literal(password))
            )

    host, port = str(place["host"]), int(place["port"] or 5432)
    return Server(
        name, **{"engine": "postgres", "user": user, "host": host, "port": port, "apply": apply, **more}
    )


def _shown(server: Server) -> Mapping[str, Any]:
    pending = {**server.pending, **({"MasterUserPassword": "****"} if server.told else {})}
    shown = {
        "Engine": server.engine,
        "MasterUsername": server.user,
        "PendingModifiedValues": pending or None,
        "MasterUserSecret": {"SecretStatus": "active"} if server.managed else None,
    }
    if server.is_cluster:
        place = {"Endpoint": server.host, "Port": server.port}
        return {"DBClusterIdentifier": server.name, "Status": server.status, **place, **shown}
    return {
        "DBInstanceIdentifier": server.name,
        "DBInstanceStatus": server.status,
        "DBClusterIdentifier": server.member_of or None,
        "Endpoint": {"Address": server.host, "Port": server.port},
        **shown,
    }


def main(_port: str, port: str, name: str, user: str) -> None:
    """`--port 0`, an instance's name and its master user, of the PostgreSQL whose superuser logs in with $SUPERUSER."""
    rds = Rds(SystemClock(), applies_after=timedelta(seconds=4))
    rds.servers[name] = of_postgres(name, user, os.environ["SUPERUSER"])
    serve_until_ended(rds.server, int(port))


if __name__ == "__main__":
    main(*sys.argv[1:])
