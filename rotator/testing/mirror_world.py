"""The far side of a mirror under test: what a mirror's test class gives to the contract suite."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Protocol

from rotator.contracts.clock import Clock
from rotator.contracts.store import Mirror
from rotator.model.secrets import Sealed


class MirrorWorld(Protocol):
    """A place that may hold copies of parameters.

    Everything but `mirror()` acts past the mirror. `seed` is for places where a person makes the first copy.
    """

    @property
    def clock(self) -> Clock:
        """The place's and the mirror's."""

    path: str
    """Of the parameters, e.g. /taly/staging."""
    largest: int
    """Bytes of the largest value that the place takes."""
    resolution: timedelta
    """Of the times that the place tells."""

    def mirror(self) -> Mirror:
        """The mirror, made anew as after a restart."""

    def seed(self, name: str, value: Sealed) -> None:
        """A copy that somebody made, with all that the place can keep beside a value."""

    def holds(self, name: str) -> Sealed | None:
        """What whoever reads the copy gets."""

    def beside(self, name: str) -> Mapping[str, object]:
        """What the place keeps beside the value and a write must not change: who may read it, labels and the like."""

    def lose_next_answer(self) -> None:
        """The next change takes effect, and its answer is lost."""

    def throttle_next(self) -> None:
        """The next call is turned away with "later"."""

    def away(self) -> AbstractContextManager[None]:
        """Nobody answers, inside."""
