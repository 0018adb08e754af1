"""The far side of a redeployer under test: what a redeployer's test class gives to the contract suite."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Protocol

from rotator.contracts.clock import Clock
from rotator.contracts.redeployer import Redeployer
from rotator.model.secrets import Sealed


class RedeployerWorld(Protocol):
    """A platform that runs `workload` with at least two instances, each of which reads `parameter` when it starts.

    Everything but `redeployer()` and `redeployer_of_nothing()` acts past the redeployer. Where a platform has no such
    thing, a method skips the test with the reason (`pytest.skip`).
    """

    clock: Clock
    workload: str
    """As policies.yaml calls it: environment/name."""
    parameter: str
    patience: timedelta
    """A rollout that goes well ends within it."""
    resolution: timedelta
    """Of the times that the platform tells."""

    def redeployer(self) -> Redeployer:
        """The redeployer of the workload, made anew as after a restart."""

    def redeployer_of_nothing(self) -> Redeployer:
        """The redeployer of a workload that the platform does not run."""

    def write(self, value: Sealed) -> int:
        """Somebody writes the parameter; its version. Who reads it from now on reads this."""

    def instances(self) -> Sequence[str]:
        """A name, never given twice, of every living instance, terminating ones included."""

    def serving(self) -> Sequence[str]:
        """Those of them that take work."""

    def started(self) -> int:
        """How many instances of the workload were ever started."""

    def someone_else_rolls(self) -> None:
        """Somebody else rolls the workload out, and their rollout takes the place of one that is under way."""

    def lingering(self) -> AbstractContextManager[None]:
        """Inside, instances of now that are told to end do not end yet."""

    def fail_next(self) -> None:
        """The next rollout fails on the way: a new instance does not become ready."""

    def hang_next(self) -> None:
        """The next rollout replaces some instances and goes no further."""

    def lie_next(self) -> None:
        """The next rollout is called done by the platform, and an instance from before it lives on and takes work."""

    def lose_next_answer(self) -> None:
        """The next call takes effect, and its answer is lost."""

    def throttle_next(self) -> None:
        """The next call is turned away with "later"."""

    def away(self) -> AbstractContextManager[None]:
        """Nobody answers, inside."""
