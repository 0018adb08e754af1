"""An AWS of our own on loopback: Parameter Store and KMS (and IAM and STS) of one account in one region.

It runs as a process of its own, so that the daemon under test meets it through the network as it meets AWS. It is
moto behind a proxy that makes up for what moto lets through, and makes the weather: proxy.py, parameter_store.py,
faults.py. Nothing is kept when it stops.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from rotator.sandbox.faults import Outage, Quota, Rule
from rotator.sandbox.processes import Child, NotReady, listening_socket

ACCOUNT = "111122223333"
REGION = "eu-central-1"
KEYS = ("alias/taly-staging", "alias/taly-production")
READY_WITHIN = 60.0


@dataclass(frozen=True)
class Parameter:
    """A parameter that was there before the story began: written `age_seconds` ago by the user `modified_by`."""

    name: str
    value: str = field(repr=False)
    type: str = "SecureString"
    key_id: str | None = None
    tier: str = "Standard"
    description: str | None = None
    age_seconds: float = 0.0
    modified_by: str = "people"

    def request(self) -> dict[str, Any]:
        """As PutParameter takes it."""
        fields = {
            "Name": self.name,
            "Value": self.value,
            "Type": self.type,
            "KeyId": self.key_id,
            "Tier": self.tier,
            "Description": self.description,
        }
        return {name: value for name, value in fields.items() if value is not None}


class AwsControl:
    """Gives orders to a running AWS of the sandbox, from any process that knows its endpoint.

    Each order replaces what was in force: `set_faults([])` and `set_outages({})` make good weather.
    """

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._orders = httpx.Client(base_url=f"{endpoint}/_sandbox/", timeout=60.0, trust_env=False)

    def seed(self, parameters: Iterable[Parameter]) -> None:
        """Makes parameters, or new versions of them, without counting as calls."""
        self._put("parameters", [asdict(parameter) for parameter in parameters])

    def set_ages(self, seconds: Mapping[str, float]) -> None:
        """Changes how long ago the newest versions of parameters were written."""
        self._put("ages", dict(seconds))

    def set_faults(self, rules: Sequence[Rule], seed: int = 0) -> None:
        """From now on calls meet these faults; the first rule that hits wins."""
        self._put("faults", {"seed": seed, "rules": [rule._asdict() for rule in rules]})

    def set_outages(self, outages: Mapping[str, Outage]) -> None:
        """From now on these services ("ssm", "kms", "iam", "sts") are away."""
        self._put("outages", dict(outages))

    def set_quotas(self, quotas: Mapping[str, Quota]) -> None:
        """From now on these kinds of calls ("writes", "reads", "describes") have these quotas, and others have none."""
        self._put("quotas", dict(quotas))

    def statistics(self) -> dict[str, Any]:
        """`calls` by operation, `faults` by kind, `refusals` by code, `findings` as [kind, parameter]."""
        answer: dict[str, Any] = self._orders.get("statistics").raise_for_status().json()
        return answer

    def answers(self) -> bool:
        """Whether it is there and takes calls."""
        try:
            self.statistics()
        except httpx.TransportError:
            return False
        return True

    def close(self) -> None:
        self._orders.close()

    def _put(self, order: str, wanted: object) -> None:
        self._orders.put(order, json=wanted).raise_for_status()


class AwsWorld:
    """The process itself, with its log in `folder`. Raises NotReady where it did not come up.

    After `stop()`, `start()` comes back on the same port with nothing but the keys.
    """

    def __init__(self, folder: Path) -> None:
        self._log = folder / "aws.log"
        self._port = 0
        self._server: Child | None = None
        self._control: AwsControl | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> Self:
        """Returns when it takes calls."""
        with listening_socket(self._port) as socket:
            self._port = socket.getsockname()[1]
            self._server = Child(
                "the sandbox's AWS",
                [sys.executable, "-m", "rotator.sandbox.aws_server", str(socket.fileno())],
                log=self._log,
                environment={"MOTO_ACCOUNT_ID": ACCOUNT},
                keep_open=[socket.fileno()],
            )
        self._control = AwsControl(self.endpoint)
        self._server.wait_until(self._control.answers, READY_WITHIN)
        return self

    def stop(self) -> None:
        """Ends it; everything in it is gone."""
        if self._control:
            self._control.close()
        if self._server:
            self._server.stop()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def control(self) -> AwsControl:
        """Raises NotReady before the first start."""
        if self._control is None:
            raise NotReady("the sandbox's AWS has not been started")
        return self._control

    @property
    def pid(self) -> int:
        """Raises NotReady before the first start."""
        if self._server is None:
            raise NotReady("the sandbox's AWS has not been started")
        return self._server.pid

    def environment(self, user: str) -> dict[str, str]:
        """Environment variables that lead any AWS SDK here, and nowhere else, as `user`.

        The access key id is the user's name, which DescribeParameters then shows as LastModifiedUser.
        """
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": user,
            "AWS_SECRET_ACCESS_KEY": secrets.token_urlsafe(30),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "NO_PROXY": "127.0.0.1",
        }
