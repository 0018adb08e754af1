"""What waited for something that was away goes on when it is back, and not before."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from rotator.engine.outages import others_go_on, store_explains
from rotator.engine.ownership import hold_environments
from rotator.engine.phases import PHASES
from rotator.engine.phases.step import Move, Step
from rotator.engine.scan import survey
from rotator.engine.worker import Worker
from rotator.model.alerts import AlertKind
from rotator.model.errors import JournalAway, NotYet, Transient
from rotator.model.rotation import Phase, Reason, Rotation, State
from tests.engine.things import HOUR, MINUTE, NOW, policies, policy, rotation, seen, surveyed
from tests.engine.world import World

NAMES = ("production/A", "production/B", "production/C")


def failing(name: str, **changes: Any) -> Rotation:
    filled = {"reason": Reason.RETRYING, "attempt": 4, "run_at": NOW + HOUR, "id": f"r-{name[-1]}"}
    return rotation(name, principal=name, **{**filled, **changes})


def due(world: World) -> set[str]:
    return {one.id for one in world.journal.rotations() if one.run_at <= world.clock.now()}


def away(world: World, environment: str = "production") -> None:
    world.away(environment, Transient("SSM does not answer"))
    survey(world)


def back(world: World, environment: str = "production") -> None:
    world.away(environment, None)
    survey(world)


@pytest.fixture
def three(world: World) -> World:
    world.today = policies(*map(policy, NAMES))
    for name in NAMES:
        world.put(f"/taly/{name}")
    survey(world)
    return world


def test_rotations_that_fail_are_tried_at_once_when_their_store_is_back(three: World) -> None:
    three.has(failing("production/A"))
    three.has(failing("production/B", attempt=1))
    three.has(failing("production/C", reason=Reason.WINDOW, attempt=0))
    away(three)
    assert due(three) == set()
    back(three)
    assert due(three) == {"r-A", "r-B"}, "what waits for a window waits for a window"


def test_another_store_wakes_nobody(three: World) -> None:
    three.today = policies(policy("production/A"), policy("staging/A"))
    three.has(failing("production/A"))
    away(three, "staging")
    back(three, "staging")
    assert due(three) == set()


def test_a_store_that_was_not_away_wakes_nobody(three: World) -> None:
    three.has(failing("production/A"))
    survey(three)
    hold_environments(three)
    assert due(three) == set()


def test_an_owner_parameter_that_can_be_kept_again_ends_an_outage(three: World) -> None:
    three.has(failing("production/A"))
    three.journal.note_surveyed(surveyed(unheld="SSM does not answer"))
    three.passes(MINUTE)
    hold_environments(three)
    assert three.journal.surveyed()["production"].answers_since == three.clock.now()
    assert due(three) == {"r-A"}


def test_half_of_an_outage_that_is_over_is_no_end(three: World) -> None:
    three.has(failing("production/A"))
    three.journal.note_surveyed(surveyed(unheld="not allowed", trouble="not allowed"))
    hold_environments(three)
    assert due(three) == set()
    survey(three)
    assert due(three) == {"r-A"}


@pytest.mark.parametrize(
    "tried, back_at, explains",
    [(NOW, NOW + MINUTE, True), (NOW + MINUTE, NOW, False), (NOW, None, False), (None, NOW, False)],
)
def test_the_store_explains_attempts_that_began_before_it_was_back(
    tried: Any, back_at: Any, explains: bool
) -> None:
    one = failing("production/A", ledger={"tried_at": tried})
    assert store_explains(one, surveyed(answers_since=back_at)) is explains
    assert store_explains(one, surveyed(trouble="away")), "as long as it is away"
    assert not store_explains(one, surveyed(trouble="away", foreign_owner="somebody")), "it is not ours"
    assert not store_explains(one, None)


# KMS, sources, platforms: nobody looks at them but the rotations themselves


def answers(phase: Phase, following: Phase) -> dict[Phase, Any]:
    def waits(step: Step) -> Move:
        return step.wait(Reason.PROPAGATING, "on its way", HOUR)

    return {phase: lambda step: step.to(following, "it answered"), following: waits}


def test_the_first_that_gets_past_a_phase_wakes_those_that_are_stuck_there(
    three: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for phase, plays in answers(Phase.CREATE, Phase.VERIFY).items():
        monkeypatch.setitem(PHASES, phase, plays)
    three.looked(*map(seen, NAMES))
    three.has(failing("production/A", phase=Phase.CREATE, run_at=NOW))
    three.has(failing("production/B", phase=Phase.CREATE))
    three.has(failing("production/C", phase=Phase.STORE))
    Worker(three, "w").work()
    assert due(three) == {"r-B"}, "another phase waits for something else"
    Worker(three, "w").work()
    assert three.journal.rotation("r-B").phase is Phase.VERIFY  # type: ignore[union-attr]  # it is there


@pytest.mark.parametrize("changes", [{"attempt": 2}, {"attempt": 0, "reason": None}])
def test_a_lost_answer_wakes_nobody(
    three: World, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    for phase, plays in answers(Phase.CREATE, Phase.VERIFY).items():
        monkeypatch.setitem(PHASES, phase, plays)
    three.looked(*map(seen, NAMES))
    three.has(failing("production/A", phase=Phase.CREATE, run_at=NOW, **changes))
    three.has(failing("production/B", phase=Phase.CREATE))
    Worker(three, "w").work()
    assert due(three) == set()


def test_what_waits_there_for_something_else_is_not_woken(three: World) -> None:
    three.has(failing("production/A", state=State.PARKED))
    three.has(failing("production/B", reason=Reason.WINDOW, attempt=0))
    three.has(failing("production/C", attempt=1))
    others_go_on(three, Phase.PLAN)
    assert due(three) == set()


def test_a_journal_that_is_away_then_costs_nothing(three: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for phase, plays in answers(Phase.CREATE, Phase.VERIFY).items():
        monkeypatch.setitem(PHASES, phase, plays)

    def gone(*_: object) -> None:
        raise JournalAway("no answer")

    monkeypatch.setattr("rotator.engine.worker.others_go_on", gone)
    three.looked(*map(seen, NAMES))
    three.has(failing("production/A", phase=Phase.CREATE, run_at=NOW))
    Worker(three, "w").work()
    (one,) = three.journal.rotations()
    assert (one.phase, one.owner) == (Phase.VERIFY, None)
    assert one.run_at > three.clock.now() + timedelta(minutes=50)


@pytest.mark.parametrize(
    "gap,told",
    [
        (False, (59, 3, "warning: KEY (production): rotation still waits at activate")),
        (
            True,
            (
                14,
                3,
                "critical: KEY (production): consumers may be locked out: rotation still waits at activate",
            ),
        ),
    ],
)
def test_a_source_that_says_not_yet_for_ever_is_told_though_no_attempt_fails(
    world: World, monkeypatch: pytest.MonkeyPatch, gap: bool, told: tuple[int, int, str]
) -> None:
    quiet, more, sentence = told

    def activate(step: Step) -> Move:
        raise NotYet("RDS is taking over its password", step.now + MINUTE / 2)

    monkeypatch.setitem(PHASES, Phase.ACTIVATE, activate)
    world.today = policies(policy(how={"accept_gap": gap}))
    world.looked(seen())
    world.has(rotation(phase=Phase.ACTIVATE, recipe=world.today.secrets["production/KEY"].recipe))
    began = world.clock.now()
    while world.clock.now() < began + (quiet - 1) * MINUTE:
        Worker(world, "w").work()
        world.passes(MINUTE)
    world.tell()
    assert world.news() == []
    world.passes(more * MINUTE)
    Worker(world, "w").work()
    world.tell()
    assert world.news() == [sentence]
    assert world.open_alerts()[AlertKind.STUCK].rotation == "rot1"
    world.becomes("rot1", phase=Phase.VERIFY, reason=None)
    world.tell()
    assert [line.partition(":")[0] for line in world.news()] == ["over"]
