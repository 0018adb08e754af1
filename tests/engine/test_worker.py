"""What the worker says of its steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from rotator.engine.phases import PHASES
from rotator.engine.phases.step import Move, Step
from rotator.engine.worker import Worker
from rotator.model.errors import GaveUp, JournalAway
from rotator.model.rotation import Evidence, Phase, Reason, State
from tests.engine.things import HOUR, rotation
from tests.engine.world import World

Script = dict[Phase, Callable[[Step], Move]]


def said(world: World, monkeypatch: pytest.MonkeyPatch, script: Script) -> list[dict[str, Any]]:
    """The log of a worker that plays these phases."""
    for phase, plays in script.items():
        monkeypatch.setitem(PHASES, phase, plays)
    world.has(rotation(phase=Phase.PLAN))
    with capture_logs() as lines:
        Worker(world, "w").work()
    return [dict(line) for line in lines]


def advanced(phase: str, following: str) -> dict[str, Any]:
    return {
        "event": "advanced",
        "log_level": "info",
        "rotation": "rot1",
        "secret": "production/KEY",
        "phase": phase,
        "next": following,
    }


def test_every_checkpoint_that_names_a_new_phase_is_a_line(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    script: Script = {
        Phase.PLAN: lambda step: step.to(Phase.TIDY, "planned: hunter2"),
        Phase.TIDY: lambda step: step.skip(Phase.CREATE),
        Phase.CREATE: lambda step: step.to(Phase.VERIFY, "made"),
        Phase.VERIFY: lambda step: step.wait(Reason.PROPAGATING, "not yet", HOUR),
    }
    lines = said(world, monkeypatch, script)
    assert lines == [advanced("plan", "tidy"), advanced("create", "verify")], "tidy had nothing to do"
    world.passes(2 * HOUR)
    with capture_logs() as later:
        Worker(world, "w").work()
    assert later == [], "it waits where it was"


def test_what_a_phase_carries_is_recorded_with_the_answer_of_the_next(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    script: Script = {
        Phase.PLAN: lambda step: step.carry(Phase.GRACE, "confirmed", evidence=Evidence.SOURCE),
        Phase.GRACE: lambda step: step.wait(Reason.GRACE, "the old one lives", HOUR),
    }
    before = world.clock.now()
    world.passes(HOUR)
    assert said(world, monkeypatch, script) == [advanced("plan", "grace")]
    row = world.journal.rotation("rot1")
    assert row is not None
    assert (row.phase, row.reason, row.ledger.evidence) == (Phase.GRACE, Reason.GRACE, Evidence.SOURCE)
    assert row.phase_since == before + HOUR, "it waits in grace since now, and not since it was planned"
    story = [(event.phase, event.sentence) for event in world.journal.events("rot1")][-2:]
    assert story == [(Phase.PLAN, "confirmed"), (Phase.GRACE, "the old one lives")]


def test_what_was_carried_and_not_recorded_is_gone_through_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_step: Step) -> Move:
        raise JournalAway("no answer")

    said(
        world, monkeypatch, {Phase.PLAN: lambda step: step.carry(Phase.GRACE, "confirmed"), Phase.GRACE: away}
    )
    row = world.journal.rotation("rot1")
    assert row is not None
    assert row.phase is Phase.PLAN


@pytest.mark.parametrize("state", [State.PARKED, State.DONE, State.UNDONE])
def test_so_is_the_end(world: World, monkeypatch: pytest.MonkeyPatch, state: State) -> None:
    def ends(step: Step) -> Move:
        return replace(step.to(Phase.PLAN, "it is over"), state=state)

    assert said(world, monkeypatch, {Phase.PLAN: ends}) == [advanced("plan", state)]


def test_a_write_that_was_given_up_is_written_down(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def gives_up(_step: Step) -> Move:
        raise GaveUp("SSM did not answer when asked to write it")

    said(world, monkeypatch, {Phase.PLAN: gives_up})
    row = world.journal.rotation("rot1")
    assert row is not None
    assert (row.reason, row.ledger.gave_up_at) == (Reason.RETRYING, world.clock.now())
