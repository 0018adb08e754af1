"""The promises of SecretStore about looks at several parameters, and about edits that are made of one."""

# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

from typing import ClassVar

import pytest

from rotator.contracts.store import Look
from rotator.model.errors import Drifted, ForeignOwner, Raced, Refused, Transient
from rotator.model.secrets import Owner, Sealed, StoredValue
from rotator.testing.store_world import StoreWorld
from rotator.testing.values import fresh_value, raises_silently


class LooksContract:
    """Part of StoreContract."""

    compares: ClassVar[bool] = False

    # look

    def test_a_look_shows_those_that_exist(self, world: StoreWorld) -> None:
        values = {f"{world.path}/NAME_{number:02d}": fresh_value() for number in range(12)}
        for name, value in values.items():
            world.seed(name, value)
        there = world.store.look([*values, f"{world.path}/NOT_THERE"])
        assert there == {name: StoredValue(value, 1) for name, value in values.items()}
        assert world.store.look([]) == {}

    # edit

    def test_an_edit_writes_what_is_made_of_one_look(self, world: StoreWorld) -> None:
        name, beside = f"{world.path}/SET", f"{world.path}/NAME"
        first, other, ours = fresh_value(), fresh_value(), fresh_value()
        world.seed(name, first)
        world.seed(beside, other)
        seen: list[Look] = []

        def change(there: Look) -> Sealed:
            seen.append(there)
            return ours

        assert world.store.edit(name, change, [beside]) == 2
        assert seen == [{name: StoredValue(first, 1), beside: StoredValue(other, 1)}]
        assert world.holds(name) == StoredValue(ours, 2)
        assert world.holds(beside) == StoredValue(other, 1)

    def test_an_edit_that_changes_nothing_writes_nothing(self, world: StoreWorld) -> None:
        name, there = f"{world.path}/SET", fresh_value()
        world.seed(name, there)
        assert world.store.edit(name, lambda seen: seen[name].value) == 1
        assert world.holds(name) == StoredValue(there, 1)

    def test_what_a_change_raises_goes_on_and_nothing_is_written(self, world: StoreWorld) -> None:
        name, there = f"{world.path}/SET", fresh_value()
        world.seed(name, there)

        def refuse(_seen: Look) -> Sealed:
            raise LookupError("it is not as it should be")

        with pytest.raises(LookupError):
            world.store.edit(name, refuse)
        assert world.holds(name) == StoredValue(there, 1)

    def test_an_edit_is_refused_when_a_parameter_is_missing(self, world: StoreWorld) -> None:
        name, missing = f"{world.path}/SET", f"{world.path}/NOT_THERE"
        world.seed(name, fresh_value())
        for wanted, beside in ((missing, name), (name, missing)):
            with pytest.raises(Refused, match="NOT_THERE"):
                world.store.edit(wanted, lambda _seen: fresh_value(), [beside])
        assert world.holds(missing) is None

    def test_an_edit_whose_answer_was_lost_is_found_by_the_next_attempt(self, world: StoreWorld) -> None:
        name, ours = f"{world.path}/SET", fresh_value()
        world.seed(name, fresh_value())
        world.lose_next_answer()
        with raises_silently(Transient, ours):
            world.store.edit(name, lambda _seen: ours)
        assert world.store.edit(name, lambda _seen: ours) == 2

    def test_whoever_came_between_the_look_and_the_edit_is_told(self, world: StoreWorld) -> None:
        """Raced, and ours is in place; where the store compares, Drifted, and theirs is."""
        name, ours, theirs = f"{world.path}/SET", fresh_value(), fresh_value()
        world.seed(name, fresh_value())
        world.someone_else_interferes(name, theirs)
        with raises_silently(Drifted if self.compares else Raced, ours, theirs):
            world.store.edit(name, lambda _seen: ours)
        there = world.holds(name)
        assert there is not None and there.value == (theirs if self.compares else ours)

    def test_nothing_is_edited_under_a_foreign_living_owner(self, world: StoreWorld) -> None:
        name, there = f"{world.path}/SET", fresh_value()
        world.seed(name, there)
        foreign = Owner("installation-b", world.clock.now())
        world.as_seen_by("installation-b").claim_owner(world.path, foreign, instead_of=None)
        with pytest.raises(ForeignOwner):
            world.store.edit(name, lambda _seen: fresh_value())
        assert world.holds(name) == StoredValue(there, 1)
