"""Copies of an accepted set: verifiers may go on with one for as long as `verifier_cache` says.

Whoever begins to verify may get the set from a copy (a cache in front of a JWKS) of what somebody served a moment ago,
instead of from the store. A copy of a copy there is none: it has a lifetime of its own.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from tests.simulation.consumers import Instance

if TYPE_CHECKING:
    from tests.simulation.world import World

_OF_SO_MANY_STARTS = 0.7


class Copies:
    """Who goes on with what, and until when."""

    def __init__(self, world: World, seed: int) -> None:
        self._world = world
        self._random = Random(seed ^ 0xC0B1E5)

    def taken(self, started: Instance) -> None:
        """An instance has started: for a while it may accept what another one that lives read at its own start."""
        for secret, source in self._world.sources.items():
            cache = source.traits.verifier_cache.total_seconds()
            name = self._world.accepted_names.get(secret, "")
            if not cache or name not in started.read or self._random.random() > _OF_SO_MANY_STARTS:
                continue
            serving = [
                instance
                for workload in self._world.consumers(secret)
                for instance in workload.living()
                if not instance.unseeable and name in instance.read
            ]
            self._keep(started, name, self._random.choice(serving), cache * self._random.random())

    def _keep(self, started: Instance, name: str, serving: Instance, seconds: float) -> None:
        if serving.read[name] == started.read[name]:
            return
        started.copies[name] = serving.read[name][0]

        def over() -> None:
            del started.copies[name]
            self._world.promises.dirty = True
            self._world.promises.check()

        self._world.schedule.after(seconds, over)
