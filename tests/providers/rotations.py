"""Whole rotations by the engine itself, on virtual time: a journal and a store in memory, and one provider."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from rotator.contracts.provider import Provider
from rotator.contracts.sealer import Sealer
from rotator.engine.worker import Worker
from rotator.journal import open_memory_journal
from rotator.model.policy import Recipe
from rotator.model.rotation import Rotation, State
from rotator.sealers.keyfile import KeyFile
from rotator.testing.source_world import Fields
from rotator.testing.virtual_clock import VirtualClock
from tests.engine.things import environment, policies, policy, rotation
from tests.engine.world import World


class Company(World):
    """One secret, whose provider is given; nobody has to be restarted."""

    def __init__(self, clock: VirtualClock, provider: Provider, recipe: Recipe, folder: Path) -> None:
        known = policy(recipe.secret, recipe=recipe, submitted=provider.traits.submitted)
        today = policies(known, environments=(environment(recipe.environment),))
        super().__init__(clock, open_memory_journal(now=clock.now), today)
        self._provider, self._recipe = provider, recipe
        self._sealer = KeyFile.generate(folder / "sealing.key")

    @property
    def sealer(self) -> Sealer:
        return self._sealer

    def provider(self, recipe: Recipe) -> Provider:
        return self._provider

    def reads(self) -> Fields:
        """What consumers read now."""
        return {field: self.store("staging").read(name).value for field, name in self._recipe.fields.items()}

    def rotates(
        self, fields: Fields, *, within: timedelta, meanwhile: Callable[[], None] = lambda: None
    ) -> Rotation:
        """From what is in the store to the end of a rotation, or to where it stands after `within`.

        The worker looks every 5 s, or every minute while nothing is due; `meanwhile` happens after each look.
        """
        for field, name in self._recipe.fields.items():
            self.parameters.put(name, fields[field], "people")
        row = rotation(
            self._recipe.secret,
            recipe=self._recipe,
            principal=self._provider.principal,
            provider=self._recipe.provider,
            run_at=self.clock.now(),
            opened_at=self.clock.now(),
            phase_since=self.clock.now(),
        )
        self.has(row)
        worker, ends = Worker(self, "worker"), self.clock.now() + within
        while self.clock.now() < ends and self.stands_now(row.id).state is State.ACTIVE:
            busy = worker.work()
            meanwhile()
            self.clock.pass_by(timedelta(seconds=5 if busy else 60))
        return self.stands_now(row.id)

    def stands_now(self, rotation_id: str) -> Rotation:
        """The row."""
        found = self.journal.rotation(rotation_id)
        assert found is not None
        return found
