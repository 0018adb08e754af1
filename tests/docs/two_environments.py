"""The account of docs/tutorial/from-observe-to-auto.md, on loopback: AWS, two databases, Slack, a platform, verifiers.

Whoever plays it types the page's commands and writes its policies; only addresses and hours are other ones.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from contextlib import ExitStack
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Any, Self

import boto3

from rotator.sandbox.aws import REGION, AwsWorld, Parameter
from rotator.sandbox.demo.seeds import prepare_database
from rotator.sandbox.people import PeopleWorld
from rotator.sandbox.postgres import EmbeddedPostgres
from tests.company.consumers import Consumers, Reading

ENVIRONMENTS = ("staging", "production")
TOKEN, ACCEPTED = "INTERNAL_API_TOKEN", "INTERNAL_API_TOKENS_ACCEPTED"
#: What the page's policy manages, and how old it is, in seconds: one is overdue, the others are not.
_AGES = {
    TOKEN: 100 * 86400.0,
    "DATABASE_URL": 3600.0,
    "STRIPE_SECRET_KEY": 3600.0,
    "rotator/DATABASE_ADMIN_URL": 3600.0,
}


class Account:
    """All of it, below `home`, where a profile of AWS leads to it."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._running = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            self._aws = starting.enter_context(AwsWorld(self._home))
            self._slack = starting.enter_context(PeopleWorld(self._home))
            self._ssm = boto3.client(
                "ssm",
                endpoint_url=self._aws.endpoint,
                region_name=REGION,
                aws_access_key_id="service",
                aws_secret_access_key=secrets.token_hex(),
            )
            self._databases = {
                environment: starting.enter_context(EmbeddedPostgres(self._home / f"database-{environment}"))
                for environment in ENVIRONMENTS
            }
            self._platform = Consumers(lambda _environment: Reading({}, {}))
            starting.callback(self._platform.stop)
            self._services = ThreadingHTTPServer(("127.0.0.1", 0), _services(self))
            starting.callback(self._services.server_close)
            Thread(target=self._services.serve_forever, args=(0.05,), daemon=True).start()
            starting.callback(self._services.shutdown)
            for environment in ENVIRONMENTS:
                self._platform.start(environment)
                self._seed(environment)
            self._write_profile()
            self._running = starting.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()

    @property
    def settings(self) -> Mapping[str, str]:
        """What leads `rotator` here beside what the page says, and lets it hurry."""
        return {
            "NO_PROXY": "127.0.0.1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "ROTATOR_JOURNAL": f"sqlite:///{self._home}/journal.sqlite",
            "ROTATOR_KEY_FILE": f"{self._home}/sealing.key",
            "ROTATOR_REDEPLOYER": "sandbox",
            "ROTATOR_ENDPOINT_PLATFORM": self._platform.address,
            "ROTATOR_SCAN_EVERY": "2s",
            "ROTATOR_ALERTS_EVERY": "2s",
            "ROTATOR_POLL": "0.2s",
            "ROTATOR_SLOW_POLL": "2s",
            "ROTATOR_LINGER": "0.2s",
            "ROTATOR_SSM_WRITES_PER_SECOND": "100",
        }

    def here(self, text: str) -> str:
        """A piece of the page with this account's addresses."""
        services = f"http://127.0.0.1:{self._services.server_port}/{{env}}"
        return text.replace("https://api.{env}.taly.example/internal/accepts-token", services).replace(
            "https://hooks.slack.example/services/…", self._slack.slack_webhook
        )

    @property
    def own_policy(self) -> Mapping[str, Any]:
        """What this account's policies say otherwise: where databases are, and that it is always office hours."""
        databases = {
            name: {"settings": {"template": f"postgresql://{{user}}:{{password}}@{one.host}:{one.port}/taly"}}
            for name, one in self._databases.items()
        }
        days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
        always = {"days": days, "from": "00:00", "to": "24:00", "timezone": "Europe/Warsaw"}
        return {
            "secrets": {"DATABASE_URL": {"environments": databases}},
            "windows": {"office-hours": always},
        }

    def secrets(self) -> dict[str, str]:
        """What is managed, as rotator calls it, and the values."""
        names = [f"{environment}/{name}" for environment in ENVIRONMENTS for name in _AGES]
        return {name: self.value(name) for name in names}

    def value(self, name: str) -> str:
        """A parameter's value, as a service reads it. Raises KeyError where there is none."""
        try:
            answer = self._ssm.get_parameter(Name=f"/taly/{name}", WithDecryption=True)
        except self._ssm.exceptions.ParameterNotFound as missing:
            raise KeyError(name) from missing
        return answer["Parameter"]["Value"]

    def written_by(self, user: str) -> set[str]:
        """The parameters that this user wrote last, by the store's own word."""
        pages = self._ssm.get_paginator("describe_parameters").paginate()
        every = [one for page in pages for one in page["Parameters"]]
        return {one["Name"] for one in every if one["LastModifiedUser"].endswith(f":user/{user}")}

    def _seed(self, environment: str) -> None:
        login, administrator = prepare_database(self._databases[environment])
        databases = {"DATABASE_URL": login, "rotator/DATABASE_ADMIN_URL": administrator}
        self._aws.control.seed(
            Parameter(
                f"/taly/{environment}/{name}",
                databases.get(name) or secrets.token_hex(32),
                key_id=f"alias/taly-{environment}",
                age_seconds=age,
            )
            for name, age in _AGES.items()
        )

    def _write_profile(self) -> None:
        said = {
            "region": REGION,
            "endpoint_url": self._aws.endpoint,
            "aws_access_key_id": "rotator",
            "aws_secret_access_key": secrets.token_hex(),
        }
        file = self._home / ".aws" / "config"
        file.parent.mkdir()
        file.write_text("\n".join(["[profile taly]", *(f"{key} = {value}" for key, value in said.items())]))


def _services(account: Account) -> type[BaseHTTPRequestHandler]:
    class Services(BaseHTTPRequestHandler):
        """/{environment}: 204 for a member of its accepted set, read anew, or while there is none for its token."""

        def do_GET(self) -> None:
            environment = self.path.strip("/")
            try:
                accepted = json.loads(account.value(f"{environment}/{ACCEPTED}"))
            except KeyError:
                accepted = [account.value(f"{environment}/{TOKEN}")]
            shown = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
            self.send_response(HTTPStatus.NO_CONTENT if shown in accepted else HTTPStatus.UNAUTHORIZED)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    return Services
