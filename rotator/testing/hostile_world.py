"""A HostileSource for the contract suites, with faults on demand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from rotator.contracts.provider import Overlap, Traits
from rotator.model.errors import Transient
from rotator.model.policy import Recipe
from rotator.model.secrets import Sealed
from rotator.testing.hostile_source import Held, HostileProvider, HostileSource
from rotator.testing.source_world import Fields
from rotator.testing.surroundings import surroundings
from rotator.testing.virtual_clock import VirtualClock

_EFFECTS = ("create", "activate", "disable", "enable", "remove")


class HostileWorld:
    """SourceWorld."""

    def __init__(
        self,
        traits: Traits,
        *,
        slots: int | None = None,
        propagation: timedelta = timedelta(),
        listing: timedelta = timedelta(),
        fields: tuple[str, ...] = ("value",),
    ) -> None:
        self.clock = VirtualClock()
        self.source = HostileSource(
            traits,
            self.clock,
            io=self._meet,
            slots=slots,
            propagation=propagation,
            listing=listing,
            fields=fields,
        )
        self._away = self._losing = self._throttling = False

    @property
    def provider(self) -> HostileProvider:
        """A new one each time."""
        names = {field: f"/taly/staging/KEY_{field}" for field in self.source.field_names}
        recipe = Recipe(
            secret="staging/KEY",  # noqa: S106 - the name of a secret
            environment="staging",
            provider="hostile",
            fields=names,
            grace=timedelta(days=1),
        )
        return self.source.adapter()(recipe, surroundings(clock=self.clock))

    def predecessor(self) -> Fields:
        """Somebody made it long ago."""
        return self.source.somebody_makes().fields

    def foreign(self) -> Fields:
        """Somebody makes one more."""
        if self.source.traits.overlap is Overlap.NONE:
            pytest.skip("the source keeps one credential only")
        return self.source.somebody_makes().fields

    def unknown(self) -> Fields:
        """Values that nobody has."""
        return self.source.new_fields()

    def relabel(self, fields: Fields) -> None:
        """Somebody else's mark."""
        if not self.source.traits.labels:
            pytest.skip("the source keeps no labels")
        self._held(fields).label = "terraform:somebody-else"

    def accepts(self, fields: Fields) -> bool:
        """A consumer's try."""
        return self.source.accepts(fields)

    @contextmanager
    def in_use(self, fields: Fields) -> Iterator[None]:
        """One use, a little later."""
        self.clock.pass_by(timedelta(seconds=1))
        assert self.source.accepts(fields)
        yield

    def unsayable(self, fields: Fields) -> tuple[Sealed, ...]:
        """All of it."""
        return tuple(fields.values())

    def lose_next_answer(self) -> None:
        """The next effect happens, and its answer is lost."""
        self._losing = True

    def throttle_next(self) -> None:
        """The next call is turned away."""
        self._throttling = True

    @contextmanager
    def away(self) -> Iterator[None]:
        """Nobody answers, inside."""
        self._away = True
        yield
        self._away = False

    def settle(self) -> None:
        """The source's own bounds pass."""
        self.clock.pass_by(max(self.source.traits.propagation, self.source.traits.listing))

    def _held(self, fields: Fields) -> Held:
        held = self.source.find(fields)
        assert held is not None
        return held

    def _meet(self, moment: str) -> None:
        name, _, when = moment.partition(":")
        if when == "before" and self._away:
            raise Transient("the source does not answer")
        if when == "before" and self._throttling:
            self._throttling = False
            raise Transient("the source says: later", retry_after=timedelta(seconds=7))
        if when == "after" and name in _EFFECTS and self._losing:
            self._losing = False
            raise Transient("the source's answer was lost")
