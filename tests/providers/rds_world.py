"""A company's RDS database: a real PostgreSQL whose master user is set by RDS, some time after it says yes."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from rotator.model.errors import NotYet
from rotator.model.secrets import Credential, Sealed
from rotator.providers.rds_master import RdsMaster
from rotator.sandbox.faults import Fault, Outage, Rule
from rotator.sandbox.postgres import EmbeddedPostgres
from rotator.sandbox.sources.rds import Rds, Server, of_postgres
from rotator.testing.source_world import Fields
from rotator.testing.surroundings import surroundings
from rotator.testing.virtual_clock import VirtualClock
from tests.providers.recipes import recipe_for

INSTANCE, CLUSTER = "taly-staging", "taly-staging-aurora"


class RdsWorld:
    """SourceWorld. `cluster` says which of the two the policy names."""

    def __init__(
        self,
        rds: Rds,
        clock: VirtualClock,
        address: str,
        postgres: EmbeddedPostgres,
        *,
        cluster: bool = False,
    ) -> None:
        self.rds, self.clock, self.address = rds, clock, address
        self.user = f"master_{secrets.token_hex(4)}"
        self.settings: dict[str, Any] = {"cluster": CLUSTER} if cluster else {"instance": INSTANCE}
        self.fields_read: tuple[str, ...] = ("user", "password")
        self._superuser = postgres.superuser_dsn()
        more = {"is_cluster": True, "engine": "aurora-postgresql"} if cluster else {}
        self.server: Server = of_postgres(
            CLUSTER if cluster else INSTANCE, self.user, self._superuser, **more
        )
        rds.servers = {self.server.name: self.server}
        with psycopg.connect(self._superuser, autocommit=True) as admin:
            admin.execute(f'CREATE ROLE "{self.user}"')

    def close(self) -> None:
        with psycopg.connect(self._superuser, autocommit=True) as admin:
            admin.execute(f'DROP ROLE "{self.user}"')

    @property
    def provider(self) -> RdsMaster:
        fields = {field: f"DATABASE_{field}" for field in self.fields_read}
        recipe = recipe_for("DATABASE", "rds-master", settings=self.settings, fields=fields)
        return RdsMaster(recipe, surroundings(clock=self.clock, endpoints={"rds": self.address}))

    def predecessor(self) -> Fields:
        password = secrets.token_urlsafe(16)
        self.server.apply(password)
        return self.fields(password)

    def foreign(self) -> Fields:
        pytest.skip("the source keeps one credential only")

    def unknown(self) -> Fields:
        return self.fields(secrets.token_urlsafe(16))

    def relabel(self, fields: Fields) -> None:
        pytest.skip("the source keeps no labels")

    def accepts(self, fields: Fields) -> bool:
        login = {"user": self.user, "password": fields["password"].reveal(), "dbname": "postgres"}
        try:
            psycopg.connect(host=self.server.host, port=self.server.port, **login).close()  # type: ignore[arg-type]  # libpq takes strings for all
        except psycopg.OperationalError:
            return False
        return True

    @contextmanager
    def in_use(self, fields: Fields) -> Iterator[None]:
        assert self.accepts(fields)
        yield

    def unsayable(self, fields: Fields) -> tuple[Sealed, ...]:
        return (fields["password"],)

    def lose_next_answer(self) -> None:
        effects = ("ModifyDBInstance", "ModifyDBCluster")
        self.rds.server.weather.set_faults([Rule(Fault.LOST_ANSWER, effect, times=1) for effect in effects])

    def throttle_next(self) -> None:
        self.rds.server.weather.set_faults([Rule(Fault.THROTTLED, times=2)])  # it is asked again once

    @contextmanager
    def away(self) -> Iterator[None]:
        self.rds.server.weather.set_outages({"rds": Outage.CLOSED})
        yield
        self.rds.server.weather.set_outages({})

    def settle(self) -> None:
        self.clock.pass_by(self.rds.applies_after)
        self.rds.catch_up()

    # more of it

    def fields(self, password: str) -> Fields:
        return {"user": Sealed(self.user), "password": Sealed(password)}

    def calls(self, action: str) -> int:
        return self.rds.server.weather.counts["calls"][f"rds.{action}"]

    def activated(self, successor: Credential) -> None:
        """As the engine does: again and again."""
        for _try in range(20):
            try:
                self.provider.activate(successor)
            except NotYet as wait:
                self.clock.pass_by(wait.until - self.clock.now())
            else:
                return
        raise AssertionError("it never took the password over")
