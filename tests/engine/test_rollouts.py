"""A rollout row's turns: the calendar before its start, and adapters that fail in ways nobody declared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from rotator.contracts.redeployer import Redeployer, Rollout, RolloutProgress, Start
from rotator.engine.rollouts import advance_rollout
from rotator.engine.settings import Bounds
from rotator.model.errors import Transient
from rotator.model.policy import Deployment
from rotator.model.rotation import Ledger, Phase, Priority, Purpose, RolloutRow, RolloutState
from rotator.model.windows import Freeze
from tests.engine.things import HOUR, NOW, environment, policies, policy, rotation
from tests.engine.world import World

API = Deployment(id="production/api", kind="fake", target="api")
FREEZE = Freeze(name="year-end", begins=NOW + timedelta(minutes=1), ends=NOW + HOUR)


@dataclass
class Platform:
    """Starts what it is told to, unless it has a bug."""

    bug: Exception | None = None
    started: list[str] = field(default_factory=list)

    def redeploy(self, label: str) -> None:
        """Remembered."""
        if self.bug is not None:
            raise self.bug
        self.started.append(label)

    def progress(self, _label: str) -> Rollout:
        """Always on its way."""
        return Rollout(RolloutProgress.PENDING, "1 of 2 instances")

    def starts(self, _since: datetime) -> Iterator[Start]:
        """None."""
        return iter(())


class Place(World):
    """A world with one platform."""

    platform: Platform

    def redeployer(self, deployment: Deployment) -> Redeployer:
        """The platform."""
        del deployment
        return cast(Redeployer, self.platform)


@pytest.fixture
def place(world: World) -> Place:
    how = {"deployments": (API,)}
    made = Place(
        world.clock, world.journal, policies(policy(how=how), environments=(environment(freezes=(FREEZE,)),))
    )
    made.platform = Platform()
    return made


def closed(place: Place, purpose: Purpose = Purpose.REDEPLOY, **member: Any) -> RolloutRow:
    """A rollout that a rotation joined before the freeze, closed after it had begun."""
    row = rotation(phase=Phase.CONFIRM, **member)
    recipe = row.recipe.model_copy(update={"deployments": (API,), **member.get("recipe", {})})
    place.has(row.model_copy(update={"recipe": recipe}))
    place.journal.join_rollout(row.id, API.id, purpose, exclusive=False)
    place.passes(timedelta(minutes=3))
    (claimed,) = place.journal.claim_rollouts("w", 1, timedelta(seconds=60))
    turned = advance_rollout(place, Bounds(), claimed)
    assert turned.state is RolloutState.CLOSED
    return place.journal.checkpoint_rollout(claimed, turned, release=False)


def test_a_rollout_that_was_joined_before_a_freeze_does_not_start_in_it(place: Place) -> None:
    row = closed(place)
    held = advance_rollout(place, Bounds(), row)
    assert (held.started_at, place.platform.started) == (None, [])
    assert NOW < held.run_at <= place.clock.now() + Bounds().slow_poll
    place.passes(HOUR)
    assert advance_rollout(place, Bounds(), row).started_at is not None
    assert place.platform.started == [row.id]


def test_a_rollout_whose_platform_was_away_as_the_window_closed_waits_for_the_next_one(place: Place) -> None:
    """Found by the simulation: it was stamped in time, and restarted consumers in the middle of the freeze."""
    row, place.platform.bug = closed(place), Transient("no answer")
    place.today = policies(policy(how={"deployments": (API,)}))
    tried = place.journal.checkpoint_rollout(row, advance_rollout(place, Bounds(), row), release=False)
    assert (tried.attempt, tried.started_at) == (1, place.clock.now())
    place.platform.bug = None
    place.today = policies(
        policy(how={"deployments": (API,)}), environments=(environment(freezes=(FREEZE,)),)
    )
    held = advance_rollout(place, Bounds(), tried)
    assert place.platform.started == []
    place.passes(HOUR)
    again = advance_rollout(place, Bounds(), place.journal.checkpoint_rollout(tried, held, release=False))
    assert place.platform.started == [row.id]
    assert (again.state, again.started_at) == (RolloutState.CLOSED, place.clock.now()), (
        "its time has just begun"
    )


def test_an_undo_starts_in_a_freeze(place: Place) -> None:
    undo = closed(place, Purpose.UNDO)
    assert advance_rollout(place, Bounds(), undo).started_at is not None


def test_an_emergency_starts_in_a_freeze(place: Place) -> None:
    row = closed(place, priority=Priority.EMERGENCY)
    assert advance_rollout(place, Bounds(), row).started_at is not None


def test_an_adapters_bug_is_tried_again_less_and_less_often(place: Place) -> None:
    place.today = policies(policy(how={"deployments": (API,)}))
    row = closed(place)
    place.platform.bug = KeyError("status")
    first = advance_rollout(place, Bounds(), row)
    assert (first.state, first.attempt) == (RolloutState.CLOSED, 1)
    second = advance_rollout(place, Bounds(), place.journal.checkpoint_rollout(row, first, release=False))
    assert second.attempt == 2
    assert second.run_at > first.run_at
    place.platform.bug = None
    third = place.journal.checkpoint_rollout(row, second, release=False)
    assert advance_rollout(place, Bounds(), third).attempt == 0


def test_a_rollout_is_looked_at_less_often_the_longer_it_takes(place: Place) -> None:
    place.today = policies(policy(how={"deployments": (API,)}))
    row, waits = closed(place), []
    for _ in range(60):
        row = advance_rollout(place, Bounds(), row)
        waits.append((row.run_at - place.clock.now()).total_seconds())
        place.passes(row.run_at - place.clock.now())
    assert waits[0] == 0.5
    assert waits[-1] == 2
    assert waits == sorted(waits)


MIGRATE = Deployment(id="production/migrate", kind="fake", target="migrate")
API_AFTER = API.model_copy(update={"after": (MIGRATE.id,)})


@pytest.fixture
def in_turn(place: Place) -> tuple[RolloutRow, RolloutRow]:
    """Rollouts of a workload and of the one that goes before it, both closed and held by a worker."""
    how = {"deployments": (API_AFTER, MIGRATE)}
    place.today = policies(policy(how=how))
    row = rotation(phase=Phase.REDEPLOY)
    place.has(row.model_copy(update={"recipe": row.recipe.model_copy(update=how)}))
    for workload in (API.id, MIGRATE.id):
        place.journal.join_rollout(row.id, workload, Purpose.REDEPLOY, exclusive=False)
    place.passes(timedelta(minutes=3))
    held = {}
    for claimed in place.journal.claim_rollouts("w", 2, timedelta(hours=1)):
        turned = advance_rollout(place, Bounds(), claimed)
        held[claimed.workload] = place.journal.checkpoint_rollout(claimed, turned, release=False)
    return held[API.id], held[MIGRATE.id]


def joined(place: Place, *rows: RolloutRow) -> None:
    """The rotation has written down what it joined."""
    written = Ledger(rollouts={Purpose.REDEPLOY.value: tuple(row.id for row in rows)})
    place.becomes("rot1", phase=Phase.CONFIRM, ledger=written)


def ended(place: Place, row: RolloutRow, state: RolloutState) -> None:
    started = place.journal.start_rollout(row)
    assert started is not None
    over = started.model_copy(update={"state": state, "sentence": "it does not become ready"})
    place.journal.checkpoint_rollout(started, over, release=True)


def test_a_workload_waits_for_the_one_that_goes_before_it(
    place: Place, in_turn: tuple[RolloutRow, RolloutRow]
) -> None:
    api, migrate = in_turn
    assert advance_rollout(place, Bounds(), api).started_at is None, "who joins what is not written down yet"
    joined(place, api, migrate)
    assert advance_rollout(place, Bounds(), api).started_at is None
    assert place.platform.started == []
    ended(place, migrate, RolloutState.DONE)
    assert advance_rollout(place, Bounds(), api).started_at is not None
    assert place.platform.started == [api.id]


def test_a_workload_is_not_restarted_where_the_one_before_it_failed(
    place: Place, in_turn: tuple[RolloutRow, RolloutRow]
) -> None:
    api, migrate = in_turn
    joined(place, api, migrate)
    ended(place, migrate, RolloutState.FAILED)
    failed = advance_rollout(place, Bounds(), api)
    assert (failed.state, place.platform.started) == (RolloutState.FAILED, [])
    assert failed.sentence == "production/migrate goes before it and failed: it does not become ready"
