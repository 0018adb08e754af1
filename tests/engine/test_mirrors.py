"""Mirrors at rest: what is stale is written again, and nothing else is."""

from __future__ import annotations

from datetime import datetime

import pytest

from rotator.engine.mirrors import keep_mirrors
from rotator.model.alerts import AlertKind
from rotator.model.observations import Behind
from rotator.model.rotation import Phase, State
from rotator.model.secrets import Sealed
from rotator.testing.memory_mirror import MemoryMirror, MemoryPlace
from tests.engine.things import HOUR, MINUTE, ago, policies, policy, rotation, seen, surveyed
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


def test_a_copy_whose_age_nobody_can_tell_is_left_to_rotations(world: World, place: MemoryPlace) -> None:
    class Blind(MemoryMirror):
        def stale(self, _name: str, _since: datetime) -> bool | None:
            return None

    world.mirrors["ci"] = Blind(place)
    keep_mirrors(world)
    assert copies(place) == {}, "else it would be written at every look"


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
    began = world.clock.now()
    world.passes(HOUR)
    keep_mirrors(world)
    ((mirror, behind),) = behind_of(world).items()
    assert (mirror, behind.since) == ("ci", began), "since the first try that failed"
    assert world.journal.observed()["production/KEY"].trouble == "", "its source answers"
    place.away = False
    keep_mirrors(world)
    assert behind_of(world) == {}


def behind_of(world: World) -> dict[str, Behind]:
    return world.journal.observed()["production/KEY"].behind


def test_only_what_could_not_be_copied_is_tried_again_between_two_full_looks(
    world: World, place: MemoryPlace
) -> None:
    keep_mirrors(world, behind=True)
    assert copies(place) == {}, "nobody has tried it yet"
    place.away = True
    keep_mirrors(world)
    place.away = False
    keep_mirrors(world, behind=True)
    assert copies(place) == {NAME: Sealed("current")}
    assert behind_of(world) == {}


def test_a_bug_of_one_mirror_leaves_no_other_copy_as_it_is(world: World, place: MemoryPlace) -> None:
    class Broken(MemoryMirror):
        def stale(self, name: str, since: datetime) -> bool | None:
            raise ZeroDivisionError

    world.mirrors["broken"] = Broken(MemoryPlace(world.clock))
    world.today = policies(policy(how={"mirrors": ("broken", "ci")}))
    keep_mirrors(world)
    assert copies(place) == {NAME: Sealed("current")}
    assert list(behind_of(world)) == ["broken"]


def test_people_are_told_of_a_mirror_that_stays_away_and_hear_when_it_took_its_copy(
    world: World, place: MemoryPlace
) -> None:
    place.away = True
    for _ in range(3):
        keep_mirrors(world, behind=bool(behind_of(world)))
        world.tell()
        world.passes(5 * MINUTE)
    assert world.news() == ["warning: KEY (production): its copy in ci may be missing, or an earlier one"]
    alert = world.open_alerts()[AlertKind.MIRROR_OUT_OF_SYNC]
    assert alert.identity == "mirror_out_of_sync/production/KEY/ci"
    assert alert.facts["What"] == behind_of(world)["ci"].sentence
    assert "current" not in alert.model_dump_json(), "the value itself"
    place.away = False
    keep_mirrors(world, behind=True)
    world.tell()
    (over,) = world.news()
    assert over.startswith(
        "over: KEY (production): its copy in ci may be missing, or an earlier one: as far as"
    )


def test_a_mirror_that_policies_yaml_names_no_more_is_nobodys_news(world: World, place: MemoryPlace) -> None:
    place.away = True
    keep_mirrors(world)
    world.today = policies(policy())
    world.passes(HOUR)
    world.tell()
    assert world.news() == []
