"""The promises of Mirror as tests: a mirror's test class inherits `MirrorContract` and provides a `world`.

Each test says what the contract's docstrings say (rotator/contracts/store.py), in their words.
"""

# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import ClassVar

import pytest

from rotator.contracts.guard import claimed
from rotator.contracts.store import Mirror
from rotator.model.errors import LostClaim, Refused, Transient
from rotator.model.secrets import Sealed
from rotator.testing.mirror_world import MirrorWorld
from rotator.testing.values import fresh_value, raises_silently

#: What is done to a mirror, with a value that must not be told.
CALLS: dict[str, Callable[[Mirror, MirrorWorld, Sealed], object]] = {
    "write": lambda mirror, world, value: mirror.write(f"{world.path}/API_KEY", value),
    "stale": lambda mirror, world, _value: mirror.stale(f"{world.path}/API_KEY", world.clock.now()),
}
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


class MirrorContract:
    """Inherit, and provide the fixture `world`.

    `tells`: the place tells how old a copy is. `calls`: so many make one write of another value.
    """

    tells: ClassVar[bool] = True
    calls: ClassVar[int] = 1

    @pytest.fixture
    def world(self) -> MirrorWorld:
        raise NotImplementedError("a mirror's test class provides the fixture `world`")

    def test_it_is_a_mirror(self, world: MirrorWorld) -> None:
        assert isinstance(world.mirror(), Mirror)

    # write

    def test_writes_the_value(self, world: MirrorWorld) -> None:
        name, value, other = f"{world.path}/API_KEY", fresh_value(), fresh_value()
        world.seed(name, fresh_value())
        world.mirror().write(name, value)
        assert world.holds(name) == value
        world.mirror().write(name, other)
        assert world.holds(name) == other

    def test_writes_the_value_as_it_is(self, world: MirrorWorld) -> None:
        name = f"{world.path}/API_KEY"
        world.seed(name, fresh_value())
        for text in (
            '{"a": "b\\n"}',
            "lines\nand\ttabs\r\n",
            "zażółć gęślą 🔑",
            " spaces ",
            "$(echo) `x` 'y' \"z\"",
        ):
            world.mirror().write(name, Sealed(text))
            assert world.holds(name) == Sealed(text)

    def test_the_same_value_again_is_no_change(self, world: MirrorWorld) -> None:
        name, value = f"{world.path}/API_KEY", fresh_value()
        world.seed(name, fresh_value())
        world.mirror().write(name, value)
        before = dict(world.beside(name))
        world.mirror().write(name, value)
        assert world.holds(name) == value
        assert dict(world.beside(name)) == before

    def test_what_is_kept_beside_the_value_stays(self, world: MirrorWorld) -> None:
        name = f"{world.path}/API_KEY"
        world.seed(name, fresh_value())
        before = dict(world.beside(name))
        assert before
        world.mirror().write(name, fresh_value())
        assert dict(world.beside(name)) == before

    def test_other_copies_stay_as_they_are(self, world: MirrorWorld) -> None:
        name, other, theirs, ours = (
            f"{world.path}/API_KEY",
            f"{world.path}/OTHER",
            fresh_value(),
            fresh_value(),
        )
        world.seed(name, fresh_value())
        world.seed(other, theirs)
        world.mirror().write(name, fresh_value())
        assert world.holds(other) == theirs
        world.mirror().write(other, ours)
        world.mirror().write(name, fresh_value())
        assert world.holds(other) == ours

    def test_a_copy_that_somebody_else_wrote_is_written_over(self, world: MirrorWorld) -> None:
        """An undo puts the predecessor back, whatever is there."""
        name, ours = f"{world.path}/API_KEY", fresh_value()
        world.seed(name, fresh_value())
        world.mirror().write(name, ours)
        world.seed(name, fresh_value())
        world.mirror().write(name, ours)
        assert world.holds(name) == ours

    def test_a_lost_answer_is_made_good_by_the_next_attempt(self, world: MirrorWorld) -> None:
        name, value = f"{world.path}/API_KEY", fresh_value()
        world.seed(name, fresh_value())
        world.lose_next_answer()
        with raises_silently(Transient, value):
            world.mirror().write(name, value)
        world.mirror().write(name, value)
        assert world.holds(name) == value

    def test_a_value_that_does_not_fit_is_refused_and_nothing_is_written(self, world: MirrorWorld) -> None:
        name, there = f"{world.path}/API_KEY", fresh_value()
        world.seed(name, there)
        for too_large in (fresh_value(world.largest + 1), Sealed("ü" * (world.largest // 2 + 1))):
            with raises_silently(Refused, too_large):
                world.mirror().write(name, too_large)
            assert world.holds(name) == there
        fits = fresh_value(world.largest)
        world.mirror().write(name, fits)
        assert world.holds(name) == fits

    def test_nothing_is_written_when_the_claim_is_lost(self, world: MirrorWorld) -> None:
        name, there, ours = f"{world.path}/API_KEY", fresh_value(), fresh_value()
        world.seed(name, there)

        def lost(_seconds: float) -> None:
            raise LostClaim("another worker has it")

        with claimed(lost), raises_silently(LostClaim, ours):
            world.mirror().write(name, ours)
        assert world.holds(name) == there

    def test_the_claim_is_asked_for_each_call_of_a_write_and_never_for_a_look(
        self, world: MirrorWorld
    ) -> None:
        name, asked = f"{world.path}/API_KEY", list[float]()
        world.seed(name, fresh_value())
        with claimed(asked.append):
            world.mirror().stale(name, world.clock.now())
            assert asked == []
            world.mirror().write(name, fresh_value())
        assert len(asked) == self.calls

    # stale

    def test_a_copy_is_stale_when_it_is_older_than_since(self, world: MirrorWorld) -> None:
        name = f"{world.path}/API_KEY"
        world.seed(name, fresh_value())
        world.mirror().write(name, fresh_value())
        self._is_stale(world, name, after=2 * world.resolution)

    def test_a_copy_that_was_written_since_is_not_stale(self, world: MirrorWorld) -> None:
        name = f"{world.path}/API_KEY"
        world.seed(name, fresh_value())
        world.clock.sleep(0.7)
        since = world.clock.now()
        world.mirror().write(name, fresh_value())
        assert world.mirror().stale(name, since) is (False if self.tells else None)

    def test_the_same_value_written_again_is_not_stale(self, world: MirrorWorld) -> None:
        name, value = f"{world.path}/API_KEY", fresh_value()
        world.seed(name, fresh_value())
        world.mirror().write(name, value)
        self._is_stale(world, name, after=2 * world.resolution)
        since = world.clock.now()
        world.mirror().write(name, value)
        assert world.mirror().stale(name, since) is (False if self.tells else None)

    def test_a_copy_that_is_not_there_is_stale(self, world: MirrorWorld) -> None:
        world.seed(f"{world.path}/OTHER", fresh_value())
        stale = world.mirror().stale(f"{world.path}/API_KEY", world.clock.now())
        assert stale is (True if self.tells else None)

    def _is_stale(self, world: MirrorWorld, name: str, after: timedelta) -> None:
        world.clock.sleep(after.total_seconds())
        stale = world.mirror().stale(name, world.clock.now())
        assert stale is (True if self.tells else None)

    # trouble

    @every_call
    def test_a_place_that_is_away_is_transient(
        self, world: MirrorWorld, call: Callable[[Mirror, MirrorWorld, Sealed], object]
    ) -> None:
        value = fresh_value()
        world.seed(f"{world.path}/API_KEY", fresh_value())
        with world.away(), raises_silently(Transient, value):
            call(world.mirror(), world, value)
        call(world.mirror(), world, value)

    @every_call
    def test_a_call_that_is_turned_away_is_transient_and_changes_nothing(
        self, world: MirrorWorld, call: Callable[[Mirror, MirrorWorld, Sealed], object]
    ) -> None:
        name, value, there = f"{world.path}/API_KEY", fresh_value(), fresh_value()
        world.seed(name, there)
        world.throttle_next()
        with raises_silently(Transient, value):
            call(world.mirror(), world, value)
        assert world.holds(name) == there
        call(world.mirror(), world, value)

    def test_no_value_is_in_what_shows_the_mirror(self, world: MirrorWorld) -> None:
        name, value = f"{world.path}/API_KEY", fresh_value()
        world.seed(name, fresh_value())
        mirror = world.mirror()
        mirror.write(name, value)
        assert value.reveal() not in repr(mirror) + repr(vars(mirror))
