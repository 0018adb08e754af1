"""status SECRET: the deepest failing step first, with times and errors."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rotator.contracts.journal import Told
from rotator.engine.report.steps import (
    Step,
    StepState,
    chain_of,
    deepest_failure,
    failures_worth_telling,
    progress_of,
    way_of,
)
from rotator.model.policy import Deployment, Recipe
from rotator.model.rotation import Event, Ledger, Phase, Reason, Rotation, State
from tests.cli.beside import DAY, Beside

BEGAN = datetime(2026, 11, 26, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RECIPE = Recipe(
    secret="production/X",
    environment="production",
    provider="token",
    fields={"value": "/x"},
    accepted_as="/y",
    deployments=(Deployment(id="production/api", kind="kubernetes", target="deployment/api"),),
    grace=DAY,
)


def rotation(phase: Phase, **changes: Any) -> Rotation:
    row = Rotation(
        id="r1", secret="production/X", principal="x", provider="token", phase=phase, run_at=BEGAN, opened_at=BEGAN,
        phase_since=BEGAN + 9 * MINUTE, recipe=RECIPE,
    )  # fmt: skip
    return row.model_copy(update=changes)


def story(*told: tuple[Phase, str, str]) -> list[Event]:
    """Events, one a minute."""
    return [
        Event(
            rotation="r1", sequence=number, at=BEGAN + number * MINUTE, phase=phase, kind=kind, sentence=sentence,
            hash="", previous_hash="",
        )
        for number, (phase, kind, sentence) in enumerate(told)
    ]  # fmt: skip


UNTIL_CREATE = (
    (Phase.PLAN, "opened", "it was due"),
    (Phase.PLAN, "advanced", "planned"),
    (Phase.CREATE, "advanced", "made k2"),
)


def states(chain: list[Step]) -> dict[str, str]:
    return {step.phase.value: step.state.value for step in chain}


def test_every_step_has_its_times_and_the_rest_is_to_come() -> None:
    chain = chain_of(rotation(Phase.VERIFY), story(*UNTIL_CREATE))
    assert [(step.phase, step.began, step.ended) for step in chain[:3]] == [
        (Phase.PLAN, BEGAN, BEGAN + MINUTE),
        (Phase.CREATE, BEGAN + MINUTE, BEGAN + 2 * MINUTE),
        (Phase.VERIFY, BEGAN + 9 * MINUTE, None),
    ]
    assert states(chain) == {
        "plan": "done", "create": "done", "verify": "at work", "announce": "to come", "store": "to come",
        "redeploy": "to come", "confirm": "to come", "grace": "to come", "forget": "to come", "prove": "to come",
    }  # fmt: skip
    assert deepest_failure(chain) is None


def test_failures_are_counted_with_the_first_and_the_last() -> None:
    tries = [(Phase.VERIFY, "retries", sentence) for sentence in ("no answer", "no answer", "503")]
    chain = chain_of(
        rotation(Phase.VERIFY, attempt=3, reason=Reason.RETRYING, sentence="503"),
        story(*UNTIL_CREATE, *tries),
    )
    wrong = deepest_failure(chain)
    assert wrong is not None
    assert (wrong.phase, wrong.state, wrong.ended) == (Phase.VERIFY, StepState.FAILING, None)
    assert [(one.sentence, one.times, one.first, one.last) for one in wrong.failures] == [
        ("no answer", 2, BEGAN + 3 * MINUTE, BEGAN + 4 * MINUTE),
        ("503", 1, BEGAN + 5 * MINUTE, BEGAN + 5 * MINUTE),
    ]


def test_of_the_failures_of_a_step_the_last_is_told_first_and_none_that_the_step_says_itself() -> None:
    tries = [(Phase.VERIFY, "retries", sentence) for sentence in ("no answer", "refused", "503")]
    failing = rotation(Phase.VERIFY, attempt=3, reason=Reason.RETRYING, sentence="503")
    wrong = deepest_failure(chain_of(failing, story(*UNTIL_CREATE, *tries)))
    assert wrong is not None
    assert [one.sentence for one in failures_worth_telling(wrong)] == ["refused", "no answer"]


def test_what_failed_and_then_went_on_is_no_failure_any_more() -> None:
    chain = chain_of(
        rotation(Phase.VERIFY),
        story(
            *UNTIL_CREATE, (Phase.VERIFY, "retries", "no answer"), (Phase.VERIFY, "waits", "accepted 1 of 3")
        ),
    )
    assert deepest_failure(chain) is None
    assert chain[2].failures[0].sentence == "no answer"


def test_on_the_way_back_the_step_that_made_it_turn_is_the_failure() -> None:
    chain = chain_of(
        rotation(Phase.RESTORE, ledger=Ledger(undo_reason=Reason.ROLLOUT_FAILED)),
        story(*UNTIL_CREATE, (Phase.CONFIRM, "undo", "api not ready after 10 min")),
    )
    wrong = deepest_failure(chain)
    assert wrong is not None
    assert (wrong.phase, wrong.sentence) == (Phase.CONFIRM, "api not ready after 10 min")
    assert states(chain)["restore"] == "at work"
    assert "to come" not in states(chain).values()


def test_a_failure_on_the_way_back_is_the_deeper_one() -> None:
    chain = chain_of(
        rotation(Phase.RESTORE, attempt=1, reason=Reason.RETRYING),
        story(*UNTIL_CREATE, (Phase.CONFIRM, "undo", "not ready"), (Phase.RESTORE, "retries", "no answer")),
    )
    wrong = deepest_failure(chain)
    assert wrong is not None
    assert wrong.phase is Phase.RESTORE


def test_the_way_without_an_accepted_set_and_without_consumers() -> None:
    lone = RECIPE.model_copy(update={"accepted_as": None, "deployments": ()})
    row = rotation(Phase.PLAN).model_copy(update={"recipe": lone})
    way = " ".join(phase.value for phase in way_of(row))
    assert way == "plan create verify store confirm grace disable prove quarantine remove"
    by_hand = row.model_copy(update={"ledger": Ledger(submitted_by="ana")})
    way = " ".join(phase.value for phase in way_of(by_hand))
    assert way == "plan create verify store confirm grace prove"


@pytest.mark.parametrize(
    "phase, done",
    [(Phase.PLAN, 0), (Phase.ACTIVATE, 2), (Phase.CONFIRM, 6), (Phase.GRACE, 7), (Phase.RESTORE, 0)],
)
def test_progress_ends_where_consumers_use_the_new_one(phase: Phase, done: int) -> None:
    assert progress_of(rotation(phase)) == (done, 7)


def advance(
    beside: Beside,
    rotation_id: str,
    change: Callable[[Rotation], dict[str, Any]],
    *told: Told,
    sentence: str = "",
) -> None:
    with beside.journal() as journal:
        journal.wake(rotation_id)
        row = next(one for one in journal.claim_rotations("t", 10, Phase, DAY) if one.id == rotation_id)
        changed = row.model_copy(update={"sentence": sentence, **change(row)})
        journal.checkpoint(row, changed, *told, release=True)


def test_a_failing_step_is_the_first_thing_to_read(story_of_failures: Beside) -> None:
    said = story_of_failures("status", "production/FAILED")
    lines = said.out.splitlines()
    assert lines[0] == "production/FAILED  FAILED"
    assert lines[1].startswith("  ! create failed 4 times, tried again in ")
    assert lines[1].endswith(": the source answered 503")
    assert lines[2] == "  impact: none yet: the old credential is valid"
    table = lines[next(place for place, line in enumerate(lines) if line.startswith("STEP")) :]
    assert table[1].split()[:2] == ["plan", "done"]
    assert table[2].split()[:2] == ["create", "FAILING"]
    assert table[3].startswith("  failed at create: 3 times from 2")
    assert table[3].endswith(": no answer")
    assert table[4] == "  to come: verify, announce, store, redeploy, confirm, grace, forget, prove"


@pytest.fixture
def story_of_failures(story: Beside) -> Beside:
    for sentence in ("no answer", "no answer", "the source answered 503"):
        advance(
            story,
            "rfailed",
            lambda row: {"attempt": row.attempt + 1, "run_at": row.run_at + DAY},
            Told("retries", sentence, Phase.CREATE),
            sentence=sentence,
        )
    return story


def test_the_same_for_machines(story_of_failures: Beside) -> None:
    told = story_of_failures("status", "production/FAILED", "--json").json()["secret"]
    assert told["problems"][0].startswith("create failed 4 times")
    assert told["impact"] == "none yet: the old credential is valid"
    assert [step["state"] for step in told["steps"][:3]] == ["done", "failing", "to_come"]
    assert [one["times"] for one in told["steps"][1]["failures"]] == [3, 1]
    assert told["alerts"] == []


def test_exit_code_of_one_secret(story: Beside) -> None:
    assert story("status", "production/FAILED", "--exit-code").code == 12
    assert story("status", "production/HEALTHY", "--exit-code").code == 12, "no daemon runs"
    story.daemon_seems_to_run()
    assert story("status", "production/HEALTHY", "--exit-code").code == 0


def test_a_parked_one_says_where_and_since_when(story: Beside) -> None:
    out = story("status", "production/PARKED").out
    assert "  ! parked at prove since 2" in out.splitlines()[1]
    assert "impact: consumers work; a credential that should be dead is still accepted" in out


def test_trouble_of_the_source_and_of_the_whole_environment_comes_after_the_step(story: Beside) -> None:
    with story.journal() as journal:
        seen = journal.observed()["production/FAILED"]
        journal.note_observed([seen.model_copy(update={"trouble": "no route to db", "unknown": ("k9",)})])
        survey = journal.surveyed()["production"]
        journal.note_surveyed(survey.model_copy(update={"trouble": "SSM does not answer"}))
    problems = story("status", "production/FAILED", "--json").json()["secret"]["problems"]
    assert [problem.split(":")[0].split(" ")[0] for problem in problems] == [
        "create",
        "cannot",
        "alive",
        "production",
    ]
    assert problems[1:] == [
        "cannot be rotated now: no route to db",
        "alive at its source, and known to nobody here: k9",
        "production: SSM does not answer",
    ]


def test_the_last_rotation_is_told_while_it_cools_down(story: Beside) -> None:
    advance(
        story,
        "rgrace",
        lambda row: {"ledger": row.ledger.having(undo_reason=Reason.NOT_SEEN), "phase": Phase.RESTORE},
        Told("undo", "api still reads version 2", Phase.CONFIRM),
    )
    advance(
        story,
        "rgrace",
        lambda row: {"state": State.UNDONE, "ended_at": row.run_at, "phase": Phase.DISPROVE},
        Told("undone", "the old one is current", Phase.DISPROVE),
    )
    out = story("status", "production/GRACE").out
    assert out.splitlines()[1].startswith("  ! the last rotation failed at confirm ")
    assert out.splitlines()[1].endswith(": api still reads version 2")
    assert "The last rotation, rgrace, was undone at " in out


def test_an_open_alert_and_a_waiting_request_are_named(story: Beside) -> None:
    from rotator.model.alerts import Alert, AlertKind, Severity

    with story.journal() as journal:
        now = journal.now()
        journal.post_alert(
            Alert(
                identity="x", kind=AlertKind.ROTATION_FAILED, severity=Severity.WARNING, secret="production/FAILED",
                title="rotation does not get past create", opened_at=now,
            ),
            timedelta(),
        )  # fmt: skip
    story("rotate", "production/FAILED", "--reason", "again")
    out = story("status", "production/FAILED").out
    assert "alert: rotation does not get past create (rotation_failed, warning), since 2" in out
    assert "asked: rotate by " in out
    (alert,) = story("status", "production/FAILED", "--json").json()["secret"]["alerts"]
    assert alert["kind"] == "rotation_failed"
