"""Mirrors at rest: what is stale is written again, and nothing else is."""

from __future__ import annotations

import pytest

from rotator.engine.mirrors import keep_mirrors
from rotator.model.rotation import Phase, State
from rotator.model.secrets import Sealed
from rotator.testing.memory_mirror import MemoryMirror, MemoryPlace
from tests.engine.things import HOUR, ago, policies, policy, rotation, seen, surveyed
from tests.engine.world import World

NAME = "/taly/production/KEY"


@pytest.fixture
def place(world: World) -> MemoryPlace:
    """A mirror of one secret, which nobody has written to yet."""
    place = MemoryPlace(world.clock)
    world.mirrors["ci"] = MemoryMirror(place)
    world.today = policies(policy(how={"mirrors": ("ci",)}))
    world.put(NAME, "current")
    world.looked(seen(modified_at=ago(HOUR)))
    world.journal.note_surveyed(surveyed())
    return place


def copies(place: MemoryPlace) -> dict[str, Sealed]:
    return {name: copy.value for name, copy in place.copies.items()}


def test_a_copy_that_is_not_there_is_written(world: World, place: MemoryPlace) -> None:
    keep_mirrors(world)
    assert copies(place) == {NAME: Sealed("current")}


def test_a_copy_that_is_younger_than_the_parameter_is_left_alone(world: World, place: MemoryPlace) -> None:
    world.mirrors["ci"].write(NAME, Sealed("of the time of the last write"))
    keep_mirrors(world)
    assert copies(place) == {NAME: Sealed("of the time of the last write")}


@pytest.mark.parametrize("state", [State.ACTIVE, State.PARKED])
def test_a_rotation_under_way_copies_by_itself(world: World, place: MemoryPlace, state: State) -> None:
    world.has(rotation(phase=Phase.STORE, state=state))
    keep_mirrors(world)
    assert copies(place) == {}


def test_a_value_that_changes_meanwhile_is_the_one_that_stays(world: World, place: MemoryPlace) -> None:
    first = MemoryMirror.write

    class Slow(MemoryMirror):
        def write(self, name: str, value: Sealed) -> None:
            first(self, name, value)
            if value == Sealed("current"):
                world.put(NAME, "newer")

    world.mirrors["ci"] = Slow(place)
    keep_mirrors(world)
    assert copies(place) == {NAME: Sealed("newer")}


def test_a_mirror_that_is_away_is_said_beside_the_secret_until_it_answers(
    world: World, place: MemoryPlace
) -> None:
    place.away = True
    keep_mirrors(world)
    assert world.journal.observed()["production/KEY"].trouble.startswith("mirror ci: ")
    place.away = False
    keep_mirrors(world)
    assert world.journal.observed()["production/KEY"].trouble == ""
