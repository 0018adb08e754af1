"""Every line that is logged while somebody works on a rotation bears its id, whoever logs it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
import structlog
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from rotator.engine import worker as worker_module
from rotator.engine.phases import PHASES
from rotator.engine.phases.step import Move, Step
from rotator.engine.worker import Worker
from rotator.model.errors import JournalAway, LostClaim, Transient
from rotator.model.rotation import Phase, Purpose, State
from tests.engine.things import NOW, rotation
from tests.engine.world import World

log = structlog.get_logger()


def lines(world: World, monkeypatch: pytest.MonkeyPatch, phase: Any) -> list[Mapping[str, Any]]:
    """What is logged while a worker takes its turn, and after it."""
    monkeypatch.setitem(PHASES, Phase.PLAN, phase)
    with capture_logs(processors=[merge_contextvars]) as logged:
        Worker(world, "us").work()
        log.info("after it")
    assert logged.pop()["event"] == "after it"
    return list(logged)


def test_what_a_phase_and_its_adapters_log(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.has(rotation())

    def phase(_step: Step) -> Move:
        log.info("an adapter says something")
        raise Transient("the source does not answer")

    (line,) = lines(world, monkeypatch, phase)
    assert (line["rotation"], line["secret"], line["phase"]) == ("rot1", "production/KEY", "plan")


@pytest.mark.parametrize("ending", [LostClaim("gone"), JournalAway("no answer"), ValueError("a bug")])
def test_what_the_worker_logs_of_it(world: World, monkeypatch: pytest.MonkeyPatch, ending: Exception) -> None:
    world.has(rotation())

    def phase(_step: Step) -> Move:
        raise ending

    (line,) = lines(world, monkeypatch, phase)
    assert line["rotation"] == "rot1"


def test_a_rollout_bears_those_of_its_members(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    row = world.has(rotation(run_at=NOW + timedelta(hours=1)))
    rollout = world.journal.join_rollout(row.id, "production/api", Purpose.REDEPLOY, exclusive=False)

    def advance(*_: object) -> None:
        raise LostClaim("gone")

    monkeypatch.setattr(worker_module, "advance_rollout", advance)
    (line,) = lines(world, monkeypatch, None)
    assert (line["rollout"], line["rotations"]) == (rollout.id, ["rot1"])


def test_what_is_logged_about_an_alert_of_it(world: World) -> None:
    world.has(rotation(state=State.PARKED, sentence="somebody else wrote"))
    with world.without("#ops"), capture_logs(processors=[merge_contextvars]) as logged:
        world.tell()
    assert {line["rotation"] for line in logged if line["event"] == "alert not delivered"} == {"rot1"}
