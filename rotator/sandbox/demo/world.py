"""The demo's world: AWS, databases, vendors, Vault, the platform with its consumers, and people who read alerts."""

from __future__ import annotations

import json
import os
import socket
import sys
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from rotator.sandbox.aws import AwsWorld
from rotator.sandbox.customers import CUSTOMERS
from rotator.sandbox.demo.consoles import Consoles
from rotator.sandbox.demo.known import Known
from rotator.sandbox.demo.policy import demo_policy
from rotator.sandbox.demo.seeds import ACCEPTED, ENVIRONMENTS, parameters, prepare_database
from rotator.sandbox.demo.vault import Vault
from rotator.sandbox.demo.vendors import Vendors
from rotator.sandbox.demo.witnesses import Witnesses
from rotator.sandbox.diet import Diet, Pace
from rotator.sandbox.people import SMTP_HOST, PeopleWorld
from rotator.sandbox.postgres import EmbeddedPostgres
from rotator.sandbox.processes import Child, listening_socket

#: How long a calendar day takes, in seconds.
DAY = 0.56
_READY_WITHIN = 90.0
_CHANNEL, _MAILBOX = "C0ROTATOR", "platform@taly.example"


@dataclass
class World:
    """Everything but rotator. Enter it to have it running; leave it and nothing is left."""

    folder: Path
    aws: AwsWorld = field(init=False)
    people: PeopleWorld = field(init=False)
    vendors: Vendors = field(init=False)
    vault: Vault = field(init=False)
    databases: dict[str, EmbeddedPostgres] = field(default_factory=dict)
    platform: httpx.Client = field(init=False)
    known: Known = field(init=False)
    _platform_address: str = ""
    _open: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    @property
    def policy_file(self) -> Path:
        """policies.yaml as the daemon reads it."""
        return self.folder / "policies.yaml"

    @property
    def witnesses(self) -> Witnesses:
        """Whom the audit asks."""
        return Witnesses(self.databases, self.platform, self.vendors, self.vault, self.consoles)

    @cached_property
    def consoles(self) -> Consoles:
        """Where people make what no API makes."""
        return Consoles(self.databases, self.vendors)

    @cached_property
    def daemon_environment(self) -> dict[str, str]:
        """What the daemon's environment says in a deployment, here."""
        logins = self.people.logins
        return {
            **self._aws_login("rotator"),
            **self.vendors.settings,
            **self.vault.settings,
            "ROTATOR_JOURNAL": f"sqlite:///{self.folder}/journal/journal.sqlite",
            "ROTATOR_POLICIES": str(self.policy_file),
            "ROTATOR_SEALER": "kms",
            "ROTATOR_KMS_KEY": "alias/taly-production",
            "ROTATOR_SCALE": str(DAY / 86400),
            "ROTATOR_ALLOWED_HOSTS": "127.0.0.1,api.stripe.com",
            "ROTATOR_REDEPLOYER": "sandbox",
            "ROTATOR_ENDPOINT_PLATFORM": self._platform_address,
            "ROTATOR_SLACK_TOKEN": logins.slack_token,
            "ROTATOR_ENDPOINT_SLACK": self.people.slack_api,
            "ROTATOR_SMTP_HOST": SMTP_HOST,
            "ROTATOR_SMTP_PORT": str(self.people.smtp_port),
            "ROTATOR_SMTP_USER": logins.smtp_username,
            "ROTATOR_SMTP_PASSWORD": logins.smtp_password,
            "ROTATOR_SMTP_FROM": "rotator@taly.example",
            "ROTATOR_SMTP_CA_FILE": str(self.people.ca_file),
            "ROTATOR_LISTEN": "127.0.0.1:0",
            "ROTATOR_SSM_WRITES_PER_SECOND": "10",
            "ROTATOR_SCAN_EVERY": "1s",
            "ROTATOR_CENSUS_EVERY": "10s",
            "ROTATOR_ALERTS_EVERY": "1s",
            "ROTATOR_POLL": "0.2s",
            "ROTATOR_SLOW_POLL": "1s",
            "ROTATOR_LINGER": "1s",
        }

    def statistics(self) -> dict[str, int]:
        """What all consumers counted so far."""
        answer: dict[str, int] = self.platform.get("/statistics").json()
        return answer

    def fail_rollouts(self, workload: str, how_many: int) -> None:
        """The next rollouts of a workload fail."""
        order = {"workload": workload, "rollouts": ["fails"] * how_many}
        self.platform.put("/fates", json=order).raise_for_status()

    def hand_over(self, environment: str, customer: int, key: str) -> None:
        """A customer verifies events with `key` from now on."""
        order = {"environment": environment, "customer": customer, "key": key}
        self.platform.put("/customers", json=order).raise_for_status()

    def tokens_shown(self) -> list[str]:
        """Every token that a probe has shown to the verifiers."""
        shown: list[str] = self.platform.get("/shown").json()
        return shown

    def _start(self) -> None:
        self.aws = self._open.enter_context(AwsWorld(self.folder))
        self.known = Known(self.aws.endpoint)
        self.people = self._open.enter_context(PeopleWorld(self.folder))
        self.vault = self._open.enter_context(Vault(self.folder))
        self.vendors = self._open.enter_context(Vendors(self.folder, DAY))
        self.known.note("the Slack token", self.people.logins.slack_token)
        self.known.note("the Slack webhook's path", self.people.logins.webhook_path)
        self.known.note("the SMTP password", self.people.logins.smtp_password)
        with listening_socket() as listening:
            self._platform_address = f"http://127.0.0.1:{listening.getsockname()[1]}"
            for environment in ENVIRONMENTS:
                self._furnish(environment)
            self._start_platform(listening)
        for environment in ENVIRONMENTS:
            key = self.known.current(f"/taly/{environment}/WEBHOOK_SIGNING_KEY")
            for customer in range(CUSTOMERS):
                self.hand_over(environment, customer, key)
        self.policy_file.write_text(self._policy())

    def _furnish(self, environment: str) -> None:
        """One environment's database, its accounts at vendors, and what stands of them in SSM."""
        server = EmbeddedPostgres(self.folder / f"postgres-{environment}")
        self.databases[environment] = self._open.enter_context(server)
        self.known.note(f"the superuser's password of {environment}", server.superuser_password)
        database_url, admin_url = prepare_database(server)
        self.vendors.set_up(environment, f"{self._platform_address}/webhooks/{environment}/api/stripe")
        values = {
            "DATABASE_URL": database_url,
            "rotator/DATABASE_ADMIN_URL": admin_url,
            "rotator/VAULT_TOKEN": self.vault.token,
            **self.vendors.values(environment),
        }
        account = self.vendors.accounts[environment].twilio
        seeds = parameters(environment, values, account, DAY)
        self.aws.control.seed(seeds)
        for seed in seeds:
            self.known.note_parameter(seed.name, f"{seed.name} as it was at first", seed.value)

    def _aws_login(self, user: str) -> dict[str, str]:
        login = self.aws.environment(user)
        self.known.note(f"the AWS secret access key of {user}", login["AWS_SECRET_ACCESS_KEY"])
        return login

    def _start_platform(self, listening: socket.socket) -> None:
        config = self.folder / "platform.json"
        wanted = {
            "pace": asdict(Pace(token_life=4 * DAY)),
            "workloads": {name: {"replicas": 2, "diet": asdict(diet)} for name, diet in _diets().items()},
            "places": {name: asdict(self.vendors.places(name)) for name in ENVIRONMENTS},
        }
        config.write_text(json.dumps(wanted))
        child = Child(
            "the sandbox's platform",
            [sys.executable, "-m", "rotator.sandbox.platform_server", str(listening.fileno()), config],
            log=self.folder / "platform.log",
            environment=self._aws_login("consumer"),
            keep_open=[listening.fileno()],
        )
        self._open.callback(child.stop)
        self.platform = httpx.Client(base_url=self._platform_address, timeout=10.0, trust_env=False)
        self._open.callback(self.platform.close)
        child.wait_until(self._platform_is_up, _READY_WITHIN)

    def _platform_is_up(self) -> bool:
        try:
            up = [len(self.platform.get(f"/peers/{name}").json()) for name in ENVIRONMENTS]
        except httpx.TransportError:
            return False
        return up == [4, 4]

    def _policy(self) -> str:
        root = Path(os.environ.get("ROTATOR_DEMO_POLICY", "policies.yaml")).read_text()
        templates = {
            environment: f"postgresql://{{user}}:{{password}}@{server.host}:{server.port}/taly"
            for environment, server in self.databases.items()
        }
        return demo_policy(root, templates, self._platform_address, _CHANNEL, _MAILBOX)


def _diets() -> dict[str, Diet]:
    """What each workload reads, by environment/name."""
    diets = {}
    for environment in ENVIRONMENTS:
        path = f"/taly/{environment}"
        shared: dict[str, Any] = {
            "database": f"{path}/DATABASE_URL",
            "jwt": f"{path}/JWT_SECRET",
            "jwt_accepted": f"{path}/{ACCEPTED['JWT_SECRET']}",
            "token": f"{path}/INTERNAL_API_TOKEN",
            "token_accepted": f"{path}/{ACCEPTED['INTERNAL_API_TOKEN']}",
            "stripe_key": f"{path}/STRIPE_SECRET_KEY",
        }
        diets[f"{environment}/api"] = Diet(
            **shared,
            signing_keys=f"{path}/{ACCEPTED['WEBHOOK_SIGNING_KEY']}",
            stripe_accepted=f"{path}/{ACCEPTED['STRIPE_WEBHOOK_SECRET']}",
            others=tuple(
                f"{path}/{name}"
                for name in ("WEBHOOK_SIGNING_KEY", "STRIPE_WEBHOOK_SECRET", "GOOGLE_OAUTH_CLIENT_SECRET")
            ),
        )
        diets[f"{environment}/worker"] = Diet(
            **shared,
            twilio_sid=f"{path}/TWILIO_API_KEY_SID",
            twilio_secret=f"{path}/TWILIO_API_KEY_SECRET",
            twilio_accepted=f"{path}/{ACCEPTED['TWILIO_AUTH_TOKEN']}",
            smtp_username=f"{path}/SES_SMTP_USERNAME",
            smtp_password=f"{path}/SES_SMTP_PASSWORD",
            others=(f"{path}/TWILIO_AUTH_TOKEN",),
        )
    return diets
