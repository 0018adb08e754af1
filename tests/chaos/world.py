"""The world of `make chaos`: two environments, a journal, sources, consumers, and daemons that reach them over wires.

Each daemon has wires of its own to the journal and to AWS, so that one can be cut off while the others go on; the way
to a source is shared, because the address stands in the connection string. Consumers and rigs go no wire.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import psycopg

from rotator.journal import SqlJournal, open_journal
from rotator.sandbox.aws import AwsWorld
from rotator.sandbox.demo.seeds import ADMIN, prepare_database
from rotator.sandbox.postgres import EmbeddedPostgres
from rotator.sandbox.processes import Child
from tests.chaos.vendor import Vendor
from tests.chaos.wire import Wire, Wires
from tests.company.consumers import Consumers, Reading
from tests.company.policy import policy, settings
from tests.company.secret import UsedSecret, logs_in
from tests.company.store import CompanyStore

ENVIRONMENTS = ("staging", "production")
NAMES = {
    "JWT_SECRET": "jwt",
    "INTERNAL_API_TOKEN": "token",
    "WEBHOOK_SIGNING_KEY": "token",
    "DATABASE_URL": "postgres",
    "TWILIO_API_KEY": "twilio-api-key",
}
SECRETS = tuple(
    UsedSecret(environment, name, source) for environment in ENVIRONMENTS for name, source in NAMES.items()
)
REPLICAS = 4
#: How long a new instance of a workload takes to start.
_START_SECONDS = 0.2
_STOP_SECONDS = 25.0


class Replica:
    """One daemon and its wires."""

    def __init__(self, number: int, world: World) -> None:
        self.number = number
        self.journal = world.wires.to(world.journals.port)
        self.aws = world.wires.to(urlsplit(world.aws.endpoint).port or 0)
        self.log = world.folder / f"daemon-{number}.log"
        self._environment = world.environment(self.journal, self.aws)
        self.child = self._started()

    def __str__(self) -> str:
        return f"daemon {self.number}"

    @property
    def running(self) -> bool:
        """Whether there is a process, frozen or not."""
        return self.child.running

    @property
    def frozen(self) -> bool:
        """Whether its process is stopped."""
        stat = Path(f"/proc/{self.child.pid}/stat")
        return self.running and stat.read_text().rsplit(")", 1)[1].split()[0] == "T"

    @property
    def began(self) -> bool:
        """Whether this process got so far as to work; one that finds no journal ends before that, by its own word."""
        return b'"event": "running"' in self.log.read_bytes()[self._log_began :]

    def start(self) -> None:
        """A new process, unless one runs."""
        if not self.running:
            self.child = self._started()

    def stop(self) -> int:
        """Asks it to end; its exit code."""
        return self.child.stop(within=_STOP_SECONDS)

    def mend(self) -> None:
        """Whatever was done to it is over."""
        self.journal.mend()
        self.aws.mend()
        self.child.send(signal.SIGCONT)
        self.start()

    def _started(self) -> Child:
        self._log_began = self.log.stat().st_size if self.log.exists() else 0
        command = [sys.executable, "-m", "tests.chaos.daemon"]
        return Child(str(self), command, log=self.log, environment=self._environment)


class World:
    """All of it, in `folder`. `mutant` names a rule that every daemon drops; `seed` is for answers that are lost."""

    def __init__(self, folder: Path, mutant: str | None, seed: int) -> None:
        self.folder, self.mutant = folder, mutant
        self.wires = Wires()
        self.aws = AwsWorld(folder)
        self.journals = EmbeddedPostgres(folder / "journal", max_connections=200)
        self.databases = {name: EmbeddedPostgres(folder / f"source-{name}") for name in ENVIRONMENTS}
        self.vendor = Vendor(ENVIRONMENTS, seed)
        self.consumers = Consumers(self.read, _START_SECONDS)
        self.replicas: list[Replica] = []
        self.aim = folder / "aim"

    def __enter__(self) -> Self:
        self.aws.start()
        self.journals.start()
        self.store = CompanyStore(self.aws, SECRETS)
        logins = {name: self._prepare(database) for name, database in self.databases.items()}
        self.sources: Mapping[str, Wire] = {
            name: self.wires.to(database.port) for name, database in self.databases.items()
        }
        self._vendor_port = self.vendor.start()
        elsewhere = [secret for secret in SECRETS if secret.accepted is None]
        self.store.seed(
            {
                secret.id: self._over_wire(secret.environment, logins[secret.environment])
                if secret.source == "postgres"
                else self.vendor.logins(secret.environment)
                for secret in elsewhere
            }
        )
        places = {secret.id: self._place(secret) for secret in elsewhere}
        written = policy(SECRETS, self.consumers.address, places, timeout="180s")
        (self.folder / "policies.yaml").write_text(written)
        for environment in ENVIRONMENTS:
            self.consumers.start(environment)
        self.replicas = [Replica(number, self) for number in range(REPLICAS)]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for replica in self.replicas:
            replica.child.kill()
        self.wires.close()
        self.consumers.stop()
        self.vendor.stop()
        for database in (self.journals, *self.databases.values()):
            database.close()
        self.aws.stop()

    @cached_property
    def journal(self) -> SqlJournal:
        """The journal as a rig asks it, over no wire."""
        return open_journal(self.journals.superuser_dsn(), daemon=False)

    def read(self, environment: str) -> Reading:
        """What a consumer that starts now reads."""
        return self.store.read(environment)

    def lets_in(self, secret: UsedSecret, value: str) -> bool:
        """Whether the source of a secret without an accepted set takes the value; asked over no wire."""
        if secret.source == "postgres":
            return logs_in(value, port=self.databases[secret.environment].port)
        return self.vendor.lets_in(value)

    def environment(self, journal: Wire, aws: Wire) -> dict[str, str]:
        """What a daemon is told, with everything behind its own wires."""
        journal_url = self.journals.superuser_dsn().replace(f":{self.journals.port}/", f":{journal.port}/")
        return {
            **self.aws.environment("rotator"),
            **settings(self.consumers.address),
            "ROTATOR_ENDPOINT_TWILIO": f"http://{self.journals.host}:{self._vendor_port}",
            "AWS_ENDPOINT_URL": f"http://{self.journals.host}:{aws.port}",
            "ROTATOR_JOURNAL": journal_url,
            "ROTATOR_POLICIES": str(self.folder / "policies.yaml"),
            "ROTATOR_SCAN_EVERY": "5s",
            "ROTATOR_ALERTS_EVERY": "10s",
            "ROTATOR_SIGNED_REQUEST_LIFE": "25s",
            "CHAOS_AIM": str(self.aim),
            **({"CHAOS_MUTANT": self.mutant} if self.mutant else {}),
        }

    def _prepare(self, database: EmbeddedPostgres) -> tuple[str, str]:
        """The roles; and the server writes down, with its time, everything that rotator tells it."""
        logins = prepare_database(database.start())
        with psycopg.connect(database.superuser_dsn(), autocommit=True) as superuser:
            superuser.execute(f"ALTER ROLE {ADMIN} SET log_statement = 'all'")
            superuser.execute("ALTER SYSTEM SET log_line_prefix = '%n %p '")
            superuser.execute("SELECT pg_reload_conf()")
        return logins

    def _place(self, secret: UsedSecret) -> dict[str, str]:
        """Where the source is, as a policy says it."""
        if secret.source == "postgres":
            place = f"{self.journals.host}:{self.sources[secret.environment].port}"
            return {"template": f"postgresql://{{user}}:{{password}}@{place}/taly"}
        return {"account_sid": self.vendor.accounts[secret.environment]}

    def _over_wire(self, environment: str, logins: tuple[str, str]) -> tuple[str, str]:
        there, wire = self.databases[environment].port, self.sources[environment].port
        consumers, rotator = (login.replace(f":{there}/", f":{wire}/") for login in logins)
        return consumers, rotator
