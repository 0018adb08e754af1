"""Stores of the matrix: where the parameters stand that consumers read.

One class for each store, and one line in STORES at the end.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rotator.sandbox.aws import AwsWorld, Parameter
from tests.company.consumers import Reading
from tests.crash.reader import Reader
from tests.crash.sources.source import ENVIRONMENT


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


STORES: Mapping[str, type[Store]] = {"ssm": ParameterStore}
