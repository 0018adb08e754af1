"""One installation owns an environment: strangers, dead owners, older journals, stores that do not answer."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from rotator.engine.ownership import HEARTBEAT, hold_environments, take_over
from rotator.engine.scan import open_due, survey
from rotator.model.errors import ForeignOwner, NotYet, Refused, Transient
from rotator.model.references import owner_parameter
from rotator.model.rotation import State
from rotator.model.secrets import OWNER_LIFE, Owner, Sealed
from rotator.stores.owner import written
from tests.engine.things import DAY, HOUR, MINUTE, NOW, environment, policies, policy, rotation
from tests.engine.world import World

PATH = "/taly/production"
NAME = f"{PATH}/KEY"


def owner(world: World) -> Owner:
    there = world.store("production").owner(PATH)
    assert there is not None
    return there


def owned_by(world: World, installation: str, seen_at: datetime, generation: int = 0) -> None:
    text = written(Owner(installation, seen_at, generation))
    world.parameters.put(owner_parameter(PATH), Sealed(text), installation, kind="String")


def ours(world: World) -> str:
    return world.journal.installation()


def writes(world: World) -> int:
    return world.parameters.parameters[owner_parameter(PATH)].version


def agreed(world: World) -> bool:
    return world.journal.surveyed()["production"].agreed


@pytest.fixture
def scanned(world: World) -> World:
    """Two scans agree, and the environment is ours."""
    world.put(NAME)
    hold_environments(world)
    survey(world)
    survey(world)
    assert agreed(world)
    return world


def generation(world: World, number: int) -> None:
    """The journal has brought so many rotations to done."""
    for n in range(number):
        world.has(rotation(id=f"g{n}", principal=f"g{n}", opened_at=NOW))
        world.becomes(f"g{n}", state=State.DONE, ended_at=NOW)
    assert world.journal.generation() == number


def test_an_environment_without_owner_is_claimed(world: World) -> None:
    hold_environments(world)
    assert owner(world) == Owner(ours(world), NOW, 0)


def test_the_heartbeat_is_written_when_it_is_due_or_a_rotation_was_done(scanned: World) -> None:
    world = scanned
    for _ in range(4):
        world.passes(MINUTE)
        hold_environments(world)
    assert writes(world) == 1
    world.passes(MINUTE)
    hold_environments(world)
    assert (writes(world), owner(world).heartbeat_at) == (2, NOW + HEARTBEAT)
    world.has(rotation())
    world.becomes("rot1", state=State.DONE, ended_at=NOW)
    hold_environments(world)
    assert (writes(world), owner(world).generation) == (3, 1)
    assert agreed(world), "our own heartbeat is no reason to look again"


def test_a_living_stranger_is_marked_and_left_alone(scanned: World) -> None:
    world = scanned
    owned_by(world, "b", NOW)
    world.passes(200 * DAY)
    owned_by(world, "b", world.clock.now() - OWNER_LIFE + MINUTE)
    hold_environments(world)
    assert owner(world).installation == "b"
    assert world.stands().sentence == (
        f"installation b owns {PATH} (seen {world.clock.now() - OWNER_LIFE + MINUTE:%H:%M:%S} UTC): nothing is "
        "rotated here; stop it, or run `rotator take-over production` if it is gone"
    )
    survey(world)
    assert open_due(world) == 0, "a scan does not forget whose it is"


def test_a_dead_stranger_is_followed_after_a_look(scanned: World) -> None:
    """Its journal is not ours: what it did in between we cannot know."""
    world = scanned
    world.passes(200 * DAY)
    owned_by(world, "b", world.clock.now() - OWNER_LIFE, generation=0)
    hold_environments(world)
    assert owner(world).installation == ours(world)
    assert not agreed(world)
    survey(world)
    assert open_due(world) == 0
    survey(world)
    assert open_due(world) == 1


def test_a_person_may_take_over_from_the_living_and_then_we_look_first(scanned: World) -> None:
    world = scanned
    owned_by(world, "b", NOW)
    hold_environments(world)
    take_over(world, environment())
    assert owner(world).installation == ours(world)
    assert world.journal.surveyed()["production"].foreign_owner == ""
    assert not agreed(world)


def test_a_journal_restored_from_yesterday_looks_before_it_touches(scanned: World) -> None:
    world = scanned
    yesterday = world.journal.snapshot()
    generation(world, 2)
    hold_environments(world)
    assert owner(world).generation == 2
    world.journal.restore(yesterday)
    assert agreed(world), "the copy believes what it knew"
    world.passes(MINUTE)
    hold_environments(world)
    assert not agreed(world)
    assert owner(world).generation == 0, "and it is said once"
    survey(world)
    hold_environments(world)
    survey(world)
    assert agreed(world)


def test_a_crash_between_looking_back_and_claiming_forgets_nothing(scanned: World) -> None:
    world = scanned
    owned_by(world, ours(world), NOW - HOUR, generation=7)
    store = world.stores["production"]

    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    store.claim_owner = crash  # type: ignore[method-assign]  # the process dies here
    with pytest.raises(KeyboardInterrupt):
        hold_environments(world)
    assert not agreed(world)


@pytest.mark.parametrize(
    "trouble",
    [Transient("SSM does not answer"), Refused("not allowed"), NotYet("asked too often", NOW + HOUR)],
)
def test_trouble_with_one_environment_holds_up_no_other_and_no_scan_hides_it(
    world: World, trouble: Exception
) -> None:
    world.today = policies(policy("staging/KEY"), policy("production/KEY"))
    world.store("staging")

    def fails(path: str) -> Owner | None:
        raise trouble

    world.stores["staging"].owner = fails  # type: ignore[method-assign]  # the parameter cannot be read
    hold_environments(world)
    assert owner(world).installation == ours(world)
    survey(world)
    assert world.journal.surveyed()["staging"].unheld == str(trouble)
    del world.stores["staging"].owner
    hold_environments(world)
    assert world.journal.surveyed()["staging"].unheld == ""


def test_a_heartbeat_that_succeeds_hides_no_trouble_of_the_scan(scanned: World) -> None:
    world = scanned
    world.away("production", Refused("not allowed to list"))
    survey(world)
    world.passes(timedelta(minutes=6))
    hold_environments(world)
    assert world.journal.surveyed()["production"].trouble == "not allowed to list"


def test_two_that_claim_at_once_do_not_both_win(world: World) -> None:
    store = world.store("production")
    there = store.owner(PATH)
    owned_by(world, "b", NOW)
    with pytest.raises(ForeignOwner):
        store.claim_owner(PATH, Owner(ours(world), NOW), instead_of=there)
