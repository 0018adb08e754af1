"""Stores of the matrix: where the parameters stand that consumers read.

One class for each store, and one line in STORES at the end.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rotator.clock import SystemClock
from rotator.sandbox.aws import AwsWorld, Parameter
from rotator.sandbox.sources.aws_secrets import CURRENT, SecretsSource
from tests.company.consumers import Reading
from tests.crash.copies import A_DAY_IS_SHORT
from tests.crash.reader import Reader
from tests.crash.sources.source import ENVIRONMENT, PATH
from tests.crash.vault import KeyValues


class Store(ABC):
    """Beside `aws`, which a lane has in any case."""

    def __init__(self, aws: AwsWorld) -> None:
        self._aws = aws

    def start(self, folder: Path, around: ExitStack) -> None:  # noqa: B027 - AWS is there
        """Brings the far side up, until `around` ends."""

    def written(self) -> Mapping[str, Any]:
        """What policies.yaml says of the environment besides."""
        return {}

    def environment(self) -> Mapping[str, str]:
        """Variables of the daemon: where the far side is."""
        return {}

    def own(self) -> Mapping[str, str]:
        """What rotator itself logs in with, in SSM: `NAME` -> value of `<path>/rotator/NAME`."""
        return {}

    @abstractmethod
    def put(self, values: Mapping[str, str]) -> None:
        """Somebody writes parameters."""

    @abstractmethod
    def reader(self, names: Sequence[str]) -> Callable[[], Reading]:
        """Reads all of them at one moment, as consumers do; for one thread."""


class ParameterStore(Store):
    """SSM, in the sandbox's AWS."""

    def put(self, values: Mapping[str, str]) -> None:
        key = f"alias/taly-{ENVIRONMENT}"
        self._aws.control.seed(Parameter(name, value, key_id=key) for name, value in values.items())

    def reader(self, names: Sequence[str]) -> Callable[[], Reading]:
        return Reader(self._aws, names).read


class SecretsManager(Store):
    """At its stand-in."""

    def start(self, folder: Path, around: ExitStack) -> None:
        self._source = SecretsSource(SystemClock(), versions_a_day=A_DAY_IS_SHORT)
        self._address = around.enter_context(self._source.server.serving())

    def written(self) -> Mapping[str, Any]:
        return {"store": {"kind": "secrets-manager"}}

    def environment(self) -> Mapping[str, str]:
        return {"ROTATOR_ENDPOINT_SECRETS_MANAGER": self._address}

    def put(self, values: Mapping[str, str]) -> None:
        for name, value in values.items():
            self._source.somebody_writes(name, value, kms_key=f"alias/taly-{ENVIRONMENT}")

    def reader(self, names: Sequence[str]) -> Callable[[], Reading]:
        return lambda: self._read(names)

    def _read(self, names: Sequence[str]) -> Reading:
        with self._source.server._one_at_a_time:
            held = {name: self._source.secrets[name] for name in names}
            current = {name: one.holder(CURRENT) for name, one in held.items()}
            numbers = {name: len(one.versions) for name, one in held.items()}
        return Reading({name: one.value for name, one in current.items() if one}, numbers)


class Vault(Store):
    """A real OpenBao. It has no look at several secrets: consumers read the value first, then the accepted set."""

    def start(self, folder: Path, around: ExitStack) -> None:
        self._vault = KeyValues(folder / "openbao-store", around)

    def written(self) -> Mapping[str, Any]:
        auth = {"token": f"ssm:{PATH}/rotator/STORE_TOKEN"}
        return {"store": {"kind": "vault-kv2", "path": "taly/{name}", "auth": auth}}

    def own(self) -> Mapping[str, str]:
        return {"STORE_TOKEN": self._vault.token}

    def environment(self) -> Mapping[str, str]:
        return {"ROTATOR_ENDPOINT_VAULT": self._vault.address}

    def put(self, values: Mapping[str, str]) -> None:
        for name, value in values.items():
            self._vault.kv.create_or_update_secret(_place(name), {"value": value})

    def reader(self, names: Sequence[str]) -> Callable[[], Reading]:
        return lambda: self._read(names)

    def _read(self, names: Sequence[str]) -> Reading:
        found = {
            name: self._vault.kv.read_secret_version(_place(name), raise_on_deleted_version=True)["data"]
            for name in names
        }
        values = {name: one["data"]["value"] for name, one in found.items()}
        return Reading(values, {name: one["metadata"]["version"] for name, one in found.items()})


def _place(name: str) -> str:
    return f"taly/{name.removeprefix(f'{PATH}/')}"


STORES: Mapping[str, type[Store]] = {
    "ssm": ParameterStore,
    "secrets-manager": SecretsManager,
    "vault-kv2": Vault,
}
