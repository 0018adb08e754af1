"""Work that nobody does is told: rows that no worker takes up, and rollouts that their platform puts off for ever."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import pytest

from rotator.contracts.redeployer import Redeployer, Rollout, RolloutProgress
from rotator.engine.alerts.about_work import LATE
from rotator.engine.settings import Bounds
from rotator.engine.worker import Worker
from rotator.model.alerts import AlertKind, Severity
from rotator.model.errors import NotYet
from rotator.model.policy import Deployment
from rotator.model.rotation import Phase, Rotation, State
from tests.engine.things import DAY, HOUR, MINUTE, NOW, done, policies, policy, recipe, rotation, seen
from tests.engine.world import World

NAMES = ("production/A", "production/B", "staging/C")
UNTAKEN = LATE + Bounds().patience


@pytest.fixture
def three(world: World) -> World:
    world.today = policies(*map(policy, NAMES))
    world.looked(*map(seen, NAMES))
    return world


def due(world: World, name: str, **changes: Any) -> Rotation:
    filled = {"id": f"r-{name}", "principal": name, "run_at": world.clock.now()}
    return world.has(rotation(name, phase_since=world.clock.now(), **{**filled, **changes}))


def lasts(world: World, span: timedelta) -> list[str]:
    """What people read while minutes go by."""
    until = world.clock.now() + span
    while world.clock.now() < until:
        world.tell()
    return world.news()


def test_due_rotations_that_nobody_takes_up_are_one_message_for_each_environment(three: World) -> None:
    for name in NAMES:
        due(three, name)
    assert lasts(three, UNTAKEN - 2 * MINUTE) == []
    assert sorted(lasts(three, 4 * MINUTE)) == [
        "warning: 1 rotation of staging is due, and no worker takes it up",
        "warning: 2 rotations of production are due, and no worker takes them up",
    ]
    assert lasts(three, HOUR - 10 * MINUTE) == [], "once"
    for name in NAMES:
        three.becomes(f"r-{name}", phase=Phase.VERIFY, phase_since=three.clock.now(), run_at=NOW + DAY)
    assert sorted(line.partition(" (after")[0] for line in lasts(three, 2 * MINUTE)) == [
        "over: 1 rotation of staging is due, and no worker takes it up: what was due has been taken up",
        "over: 2 rotations of production are due, and no worker takes them up: what was due has been taken up",
    ]


def test_it_says_what_where_since_when_what_it_means_what_comes_and_what_to_do(three: World) -> None:
    due(three, "production/B")
    due(three, "production/A")
    lasts(three, UNTAKEN)
    alert = three.open_alerts()[AlertKind.STUCK]
    assert (alert.environment, alert.secret, alert.rotation) == ("production", "", "")
    assert alert.facts == {
        "Which": "production/A, production/B",
        "Since": "2026-06-10 12:00 UTC; nothing of production has moved since 2026-06-10 12:00 UTC",
        "Impact": "none yet: credentials in use stay as they are",
        "Done": "nothing since then; what was begun stands",
        "Next": "each is taken up as soon as a worker is free; nothing is lost",
    }
    assert "kubectl -n rotator rollout restart deployment/rotator" in alert.action


def test_where_consumers_may_be_locked_out_it_is_critical(three: World) -> None:
    due(three, "production/A", phase=Phase.STORE, recipe=recipe("production/A", accept_gap=True))
    lasts(three, UNTAKEN)
    alert = three.open_alerts()[AlertKind.STUCK]
    assert alert.severity is Severity.CRITICAL
    assert alert.facts["Impact"].startswith("consumers may be locked out")


@pytest.mark.parametrize(
    "changes",
    [
        {"state": State.PARKED},  # waits for a person, and has an alert of its own
        {"run_at": NOW + DAY},  # in grace, say
    ],
)
def test_what_is_not_due_is_nobodys_work(three: World, changes: dict[str, Any]) -> None:
    due(three, "production/A", **changes)
    three.passes(HOUR)
    three.tell()
    assert AlertKind.STUCK not in three.open_alerts()


def test_a_crowd_that_is_being_worked_off_is_no_news_however_long_its_last_ones_wait(three: World) -> None:
    due(three, "production/A")
    for number in range(60):
        three.passes(MINUTE)
        if number % 2:
            three.has(done(three.clock.now(), id=f"d{number}", principal="b", secret="production/B"))
        else:
            three.tell()
    assert three.news() == []


def test_a_daemon_that_was_away_finds_all_of_it_late_and_says_nothing_if_it_gets_on(three: World) -> None:
    for name in NAMES:
        due(three, name)
    three.passes(7 * DAY)
    three.tell()
    for name in NAMES:
        three.becomes(f"r-{name}", phase=Phase.GRACE, phase_since=three.clock.now(), run_at=NOW + 30 * DAY)
    assert lasts(three, HOUR) == []


# rollouts


@dataclass
class Platform:
    """Says not yet, to whatever it is asked last."""

    world: World
    begins: bool = False
    asked: list[str] = field(default_factory=list)

    def redeploy(self, label: str) -> None:
        """Waits for something of its own."""
        self.asked.append(label)
        if not self.begins:
            raise self._not_yet()

    def progress(self, _label: str) -> Rollout:
        """Begun, and then it does not say."""
        if len(self.asked) < 2:
            self.asked.append("seen once")
            return Rollout(RolloutProgress.PENDING, "1 of 2 instances")
        raise self._not_yet()

    def _not_yet(self) -> NotYet:
        return NotYet("waiting for the sync of ExternalSecret api", self.world.clock.now() + MINUTE / 2)


class Place(World):
    """A world with one platform."""

    platform: Platform

    def redeployer(self, deployment: Deployment) -> Redeployer:
        """The platform."""
        del deployment
        return cast(Redeployer, self.platform)


API = Deployment(id="production/api", kind="fake", target="api", timeout=timedelta(minutes=10))


def place_of(world: World, *, gap: bool = False, begins: bool = False) -> Place:
    made = Place(world.clock, world.journal, policies(policy(how={"deployments": (API,), "accept_gap": gap})))
    made.platform = Platform(made, begins)
    made.looked(seen())
    wrote = {"wrote": {"/taly/production/KEY": 2}, "wrote_at": NOW}
    made.has(rotation(phase=Phase.REDEPLOY, recipe=made.today.secrets["production/KEY"].recipe, ledger=wrote))
    return made


def works(place: Place, span: timedelta) -> list[str]:
    """What people read while a worker does what is due."""
    until = place.clock.now() + span
    while place.clock.now() < until:
        while Worker(place, "w").work():
            pass
        place.tell()
    return place.news()


@pytest.mark.parametrize(
    "gap,quiet,told",
    [
        (False, 58, "warning: KEY (production): rotation still waits at confirm"),
        (
            True,
            13,
            "critical: KEY (production): consumers may be locked out: rotation still waits at confirm",
        ),
    ],
)
def test_a_rollout_that_its_platform_puts_off_for_ever_is_told(
    world: World, gap: bool, quiet: int, told: str
) -> None:
    place = place_of(world, gap=gap)
    assert works(place, quiet * MINUTE) == []
    assert works(place, 10 * MINUTE) == [told]
    alert = place.open_alerts()[AlertKind.STUCK]
    assert alert.rotation == "rot1"
    assert alert.facts["Step"] == "confirm: the platform of production/api has not begun the rollout: not yet"
    place.becomes("rot1", phase=Phase.GRACE, reason=None, run_at=NOW + 30 * DAY)
    place.tell()
    assert [line.partition(":")[0] for line in place.news()] == ["over"]


def test_a_rollout_that_was_begun_and_then_only_says_not_yet_fails_at_its_timeout(world: World) -> None:
    place = place_of(world, begins=True)
    works(place, 20 * MINUTE)
    (row,) = place.journal.rollouts(_state(place).ledger.rollouts["redeploy"])
    assert row.sentence == "not finished after 0:10:00: waiting for the sync of ExternalSecret api"


def _state(place: Place) -> Rotation:
    (one,) = place.journal.rotations()
    return one
