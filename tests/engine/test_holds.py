"""What holds a rotation back that has begun: whose the environment is, today's policy, the calendar."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from rotator.contracts.provider import Overlap, Traits
from rotator.engine.holds import held
from rotator.engine.phases.step import Park, Step
from rotator.engine.settings import Bounds
from rotator.model.policy import Mode
from rotator.model.rotation import Phase, Reason, Rotation
from rotator.model.windows import Freeze
from tests.engine.things import HOUR, NOW, environment, policies, policy, rotation, surveyed
from tests.engine.world import KINDS, World

FROZEN = environment(freezes=(Freeze(name="year-end", begins=NOW - HOUR, ends=NOW + HOUR),))


def waits(world: World, row: Rotation) -> Reason | None:
    """What it waits for."""
    move = held(Step(row, world, Bounds(), world.clock.now()))
    return move.reason if move else None


def frozen_with_one_credential(world: World, *, mints: bool) -> None:
    """A freeze, and a source that keeps one credential."""
    world.today = policies(policy(), environments=(FROZEN,))
    kinds = {**KINDS, "mints": mints}
    world.provider(rotation().recipe).traits = Traits(overlap=Overlap.NONE, **kinds)  # type: ignore[misc, arg-type]  # of the test's own kind


@pytest.mark.parametrize(
    "survey, reason",
    [
        ({"agreed": True}, None),
        ({"agreed": False}, Reason.NOT_OURS),
        ({"agreed": True, "foreign_owner": "another rotator owns it"}, Reason.NOT_OURS),
    ],
)
@pytest.mark.parametrize("phase", [Phase.CREATE, Phase.ACTIVATE, Phase.STORE, Phase.DISABLE, Phase.REMOVE])
def test_an_environment_that_is_not_ours_is_left_alone(
    world: World, survey: dict[str, Any], reason: Reason | None, phase: Phase
) -> None:
    """A journal that was restored knows rotations that may be over: nothing is made or ended by it at once."""
    world.journal.note_surveyed(surveyed(**survey))
    assert waits(world, rotation(phase=phase)) is reason


def test_a_secret_that_is_only_watched_by_now_stands_still(world: World) -> None:
    world.today = policies(policy(mode=Mode.OBSERVE))
    assert waits(world, rotation(phase=Phase.STORE)) is Reason.PAUSED
    assert waits(world, rotation(phase=Phase.RESTORE)) is None, "nothing holds an undo"


@pytest.mark.parametrize("phase", [Phase.STORE, Phase.REDEPLOY])
@pytest.mark.parametrize("overlap, reason", [(Overlap.PAIR, Reason.WINDOW), (Overlap.NONE, None)])
def test_the_calendar_does_not_keep_consumers_locked_out(
    world: World, phase: Phase, overlap: Overlap, reason: Reason | None
) -> None:
    """At a source with one credential the old one is dead by now: waiting for a window would be a night in the dark."""
    world.today = policies(policy(), environments=(FROZEN,))
    world.provider(rotation().recipe).traits = Traits(overlap=overlap, **KINDS)  # type: ignore[misc, arg-type]  # of the test's own kind
    assert waits(world, rotation(phase=phase)) is reason


@pytest.mark.parametrize(
    "mints, held_at",
    [(True, {Phase.CREATE}), (False, {Phase.CREATE, Phase.READY, Phase.ACTIVATE})],
)
def test_the_calendar_holds_what_drops_the_only_credential(
    world: World, mints: bool, held_at: set[Phase]
) -> None:
    """Found by the simulation: a mint that ends the old one did not wait for a window, and what came after it did."""
    frozen_with_one_credential(world, mints=mints)
    waiting = {phase for phase in (Phase.TIDY, Phase.CREATE, Phase.READY, Phase.ACTIVATE, Phase.STORE)
               if waits(world, rotation(phase=phase)) is Reason.WINDOW}  # fmt: skip
    assert waiting == held_at


@pytest.mark.parametrize(
    "how, reason",
    [
        ({"mints_lost": 1, "predecessor_works": False}, None),
        ({"mints_lost": 1, "planned_fence": None}, None),  # it looks first, and looking harms nobody
        ({"mints_lost": 1, "predecessor_works": True}, Reason.WINDOW),
        ({"predecessor_works": False}, Reason.WINDOW),
    ],
)
def test_a_mint_that_may_have_locked_consumers_out_waits_for_no_window(
    world: World, how: dict[str, object], reason: Reason | None
) -> None:
    """Found by the simulation: its answer was lost, a freeze came, and consumers stayed locked out until its end."""
    frozen_with_one_credential(world, mints=True)
    ledger = {"minting_at": NOW, "planned_fence": rotation().fence, **how}
    assert waits(world, rotation(phase=Phase.CREATE, ledger=ledger)) is reason


@pytest.mark.parametrize(
    "how, reason",
    [
        ({"claim_lost_at": NOW}, None),
        ({"ledger": {"tried_at": NOW}}, None),
        ({"claim_lost_at": NOW - HOUR}, Reason.WINDOW),  # in a phase before
        ({}, Reason.WINDOW),
    ],
)
def test_a_value_that_the_source_may_have_taken_waits_for_no_window(
    world: World, how: dict[str, Any], reason: Reason | None
) -> None:
    """Found by the simulation: a worker vanished in activate, its request landed, and a freeze came."""
    frozen_with_one_credential(world, mints=False)
    assert waits(world, rotation(**{"phase": Phase.ACTIVATE, "phase_since": NOW, **how})) is reason


def test_the_calendar_binds_from_one_phase_to_the_next(world: World) -> None:
    world.today = policies(policy(), environments=(FROZEN,))
    assert waits(world, rotation(phase=Phase.DISABLE)) is Reason.WINDOW
    world.passes(HOUR + timedelta(seconds=1))
    assert waits(world, rotation(phase=Phase.DISABLE)) is None


@pytest.mark.parametrize(
    "ledger, lives",
    [
        ({}, "the credential in use stays as it is"),
        ({"minting_at": NOW}, "beside the one in use, one that was made for rot1 may live at the source"),
        ({"minting_at": NOW, "successor_id": "new", "created_fence": 1}, "both credentials live"),
    ],
)
def test_what_left_the_policy_says_what_lives(world: World, ledger: dict[str, Any], lives: str) -> None:
    world.today = policies()
    with pytest.raises(Park) as verdict:
        waits(world, rotation(ledger=ledger, phase=Phase.PLAN))
    assert verdict.value.sentence == f"production/KEY is not in policies.yaml any more; {lives}"
