"""The company's parameters: what stood in the store before rotator came, and how consumers read it."""

from __future__ import annotations

import json
import secrets as chance
from collections.abc import Iterator, Mapping, Sequence

import boto3
from botocore.config import Config

from rotator.sandbox.aws import REGION, AwsWorld, Parameter
from rotator.sandbox.consumer import read
from tests.company.consumers import Reading
from tests.company.secret import UsedSecret


class CompanyStore:
    """Parameter Store as consumers of `secrets` see it."""

    def __init__(self, aws: AwsWorld, secrets: Sequence[UsedSecret]) -> None:
        self._secrets = secrets
        self._control = aws.control
        self.client = boto3.client(
            "ssm",
            endpoint_url=aws.endpoint,
            region_name=REGION,
            aws_access_key_id="consumer",
            aws_secret_access_key=chance.token_hex(),
            config=Config(retries={"total_max_attempts": 8, "mode": "standard"}),
        )

    def seed(self, logins: Mapping[str, tuple[str, str]]) -> None:
        """Puts a first value everywhere. `logins`: a secret's id -> consumers' and rotator's at its source."""
        for secret in self._secrets:
            self._control.seed(
                Parameter(name, value, key_id=f"alias/taly-{secret.environment}")
                for name, value in _seeds(secret, logins)
            )

    def read(self, environment: str) -> Reading:
        """What a consumer of that environment that starts now would read."""
        ours = (secret for secret in self._secrets if secret.environment == environment)
        return Reading(*read(self.client, [name for secret in ours for name in secret.parameters]))


def _seeds(secret: UsedSecret, logins: Mapping[str, tuple[str, str]]) -> Iterator[tuple[str, str]]:
    if secret.accepted is None:
        consumers, rotator = logins[secret.id]
        yield secret.parameter, consumers
        yield secret.own_login, rotator
        return
    value = chance.token_urlsafe(64)
    yield secret.parameter, value
    yield secret.accepted, json.dumps([value])
