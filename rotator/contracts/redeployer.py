"""Redeployer: restarts what uses a secret, and says whether that worked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, Self, runtime_checkable


class RolloutProgress(StrEnum):
    """How a rollout stands."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Rollout:
    """A rollout as the platform shows it.

    DONE means that nothing started before this rollout is left, terminating instances included, whatever the platform
    calls it.
    `seen`: parameter name -> the oldest version that a living instance reports to have read; empty if not reported.
    `sentence`: for people, the reason when FAILED, what it waits for when PENDING; never a value.
    """

    progress: RolloutProgress
    sentence: str = ""
    seen: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def failed(cls, reason: str) -> Self:
        """One that did not do what it was for."""
        return cls(RolloutProgress.FAILED, reason)


@dataclass(frozen=True, slots=True)
class Start:
    """A start of an instance of a workload, whoever caused it."""

    workload: str  # environment/name, e.g. production/api
    role: str  # its name, or its ARN where the platform tells that; empty where it is not known
    at: datetime

    @property
    def environment(self) -> str:
        """Where it started."""
        return self.workload.partition("/")[0]


@runtime_checkable
class Redeployer(Protocol):
    """One workload. Every method raises Transient when the platform is away or says "later"."""

    def redeploy(self, label: str) -> None:
        """Starts a rollout that bears `label`; guard() comes before.

        Twice with one label is once, also after a lost answer, also by another process. Raises Refused when it cannot
        be started.
        """

    def progress(self, label: str) -> Rollout:
        """How the rollout with `label` stands.

        FAILED also when another rollout took its place without finishing it, and when the platform knows no such
        rollout. A rollout that hangs is PENDING; DONE stays DONE when another rollout follows.
        """

    def starts(self, since: datetime) -> Iterator[Start]:
        """Starts of instances since then."""
