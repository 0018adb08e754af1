"""What is behind references that alerts need, and what was there last, while the store is away.

That the store is away is told, too, and through PagerDuty, whose key is in the store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

from rotator.model.errors import RotatorError, Transient
from rotator.model.secrets import Sealed


class Remembered:
    """`resolve` as Surroundings has it, for any environment."""

    def __init__(self, resolve: Callable[[str], Sealed]) -> None:
        self._resolve = resolve
        self._last: dict[str, Sealed] = {}

    def __call__(self, reference: str) -> Sealed:
        """What is there, else what was there last. Raises as `resolve` does."""
        try:
            self._last[reference] = self._resolve(reference)
        except Transient:
            if reference not in self._last:
                raise
        return self._last[reference]

    def learn(self, references: Iterable[str]) -> None:
        """Looks at them while nothing is wrong; what cannot be had now is asked for again when it is needed."""
        for reference in references:
            with suppress(RotatorError):
                self(reference)
