"""The far side of the SSM store: moto behind the sandbox's proxy, and people who use it past the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3

from rotator.clock import SystemClock
from rotator.model.policy import EnvironmentPolicy
from rotator.model.secrets import Sealed, StoredValue
from rotator.sandbox.aws import KEYS, REGION, AwsWorld
from rotator.sandbox.faults import Fault, Rule
from rotator.stores.ssm import Ssm
from rotator.testing.store_world import OURS
from rotator.testing.surroundings import FreePacer, surroundings

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

CARRIED = ("KeyId", "Tier", "Description", "AllowedPattern", "DataType")
READS = ("GetParameter", "GetParameters", "GetParametersByPath", "GetParameterHistory")


class SsmWorld:
    largest = 4096

    def __init__(self, aws: AwsWorld, path: str) -> None:
        self.aws, self.path = aws, path
        self.clock, self.pacer = SystemClock(), FreePacer()
        self.people = _people(aws.endpoint)
        self.puts: list[Mapping[str, Any]] = []
        self.store = self.as_seen_by(OURS)
        recorded = "provide-client-params.ssm.PutParameter"
        changing_client(self.store).meta.events.register(
            recorded, lambda params, **_: self.puts.append(params)
        )

    def as_seen_by(self, installation: str) -> Ssm:
        environment = EnvironmentPolicy(name="staging", path=self.path, region=REGION, kms_key=KEYS[0])
        around = surroundings(
            clock=self.clock,
            pacer=self.pacer,
            endpoints={"ssm": self.aws.endpoint},
            installation=installation,
        )
        return Ssm(environment, around, installation)

    def seed(self, name: str, value: Sealed, kind: str = "SecureString", tier: Any = "Standard") -> None:
        request: Any = {"KeyId": KEYS[1]} if kind == "SecureString" else {}
        self.people.put_parameter(
            Name=name,
            Value=value.reveal(),
            Type=kind,  # type: ignore[arg-type]  # a literal of three strings
            Tier=tier,
            Description=f"what {name} is for",
            AllowedPattern=".*",
            **request,
        )

    def someone_else_writes(self, name: str, value: Sealed) -> None:
        self.people.put_parameter(
            Name=name, Value=value.reveal(), Overwrite=True, KeyId=KEYS[1], Description=f"what {name} is for"
        )

    def someone_else_interferes(self, name: str, value: Sealed) -> None:
        self.before_next_put(lambda: self.someone_else_writes(name, value))

    def before_next_put(self, happens: Callable[[], None]) -> None:
        """It happens when the store has looked, and its put has not left."""
        events = changing_client(self.store).meta.events

        def once(**_event: object) -> None:
            events.unregister("before-sign.ssm.PutParameter", once)
            happens()

        events.register("before-sign.ssm.PutParameter", once)

    def lose_next_answer(self) -> None:
        self.aws.control.set_faults([Rule(Fault.LOST_ANSWER, "PutParameter", times=1)])

    def throttle_next(self) -> None:
        self.aws.control.set_faults([Rule(Fault.THROTTLED, "PutParameter", times=1)])

    def holds(self, name: str) -> StoredValue | None:
        found = self.people.get_parameters(Names=[name], WithDecryption=True)["Parameters"]
        return StoredValue(Sealed(found[0]["Value"]), found[0]["Version"]) if found else None

    def metadata(self, name: str) -> Mapping[str, str]:
        """What the store's last request carried: moto keeps what a request leaves out, and AWS does not."""
        filters: Any = [{"Key": "Name", "Values": [name]}]
        described: Any = self.people.describe_parameters(ParameterFilters=filters)["Parameters"][0]
        last = next((put for put in reversed(self.puts) if put["Name"] == name), described)
        return {key: last.get(key, "left out") for key in CARRIED}

    def values_read(self) -> int:
        return sum(self.calls(operation) for operation in READS)

    def calls(self, operation: str) -> int:
        counted: int = self.aws.control.statistics()["calls"].get(operation, 0)
        return counted


def changing_client(store: Ssm) -> SSMClient:
    """The client that the store writes with."""
    return store._parameters._changing._client()


def reading_client(store: Ssm) -> SSMClient:
    """The client that the store reads with."""
    return store._parameters._reading._client()


@cache
def _people(endpoint: str) -> SSMClient:
    return boto3.Session(region_name=REGION).client("ssm", endpoint_url=endpoint)
