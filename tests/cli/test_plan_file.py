"""plan -o and apply: exactly the rotations of the plan, or none."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rotator.contracts.journal import Journal, Told
from rotator.engine.plans import without_outdated
from rotator.model.requests import Basis, RequestKind
from rotator.model.rotation import Phase, State
from tests.cli.beside import DAY, Beside
from tests.cli.test_asking import requests
from tests.cli.test_following import acting

TOO_OLD = "production/TOO_OLD"


@pytest.fixture
def plan(story: Beside) -> Path:
    """A plan of what is due."""
    path = story.folder / "plan.json"
    said = story("plan", "-o", str(path))
    assert said.code == 0
    assert f"rotator apply {path}" in said.err
    return path


def test_a_plan_holds_ids_versions_and_times_and_is_what_json_prints(story: Beside, plan: Path) -> None:
    told = json.loads(plan.read_text())
    printed = story("plan", "--json").json()
    assert {**told, "made_at": ""} == {**printed, "made_at": ""}
    assert (told["schema_version"], told["kind"]) == (1, "plan")
    assert told["policy_version"] == story.policies.version
    (due,) = told["due"]
    assert (due["secret"], due["standing"]) == (TOO_OLD, "never_rotated")
    assert due["versions"] == {"/taly/production/TOO_OLD": 3}
    assert requests(story) == [], "planning asks for nothing"


def test_applying_asks_for_exactly_these(story: Beside, plan: Path) -> None:
    said = story("apply", str(plan), "--reason", "ticket 7")
    assert said.code == 0
    assert "asked for 1 rotation" in said.err
    ((kind, about, because),) = requests(story)
    assert (kind, about) == (RequestKind.ROTATE, TOO_OLD)
    assert because.startswith("plan of 2")
    assert because.endswith(": ticket 7")
    again = story("apply", str(plan))
    assert again.code == 4, "asked for already: it does not stand as it did"
    assert "never rotated then, requested now: asked for by" in again.err


def test_each_request_carries_what_its_rotation_was_planned_from(story: Beside, plan: Path) -> None:
    told = json.loads(plan.read_text())
    assert story("apply", str(plan)).code == 0
    with story.journal() as journal:
        (asked,) = journal.requests()
    assert asked.basis == Basis(
        planned_at=datetime.fromisoformat(told["made_at"]),
        policy_version=story.policies.version,
        versions={"/taly/production/TOO_OLD": 3},
    )


def somebody_writes_first(journal: Journal) -> None:
    """A scan sees another version before the daemon takes the request up."""
    seen, policies = journal.observed()[TOO_OLD], journal.policies_in_force()
    assert policies is not None
    journal.note_observed([seen.model_copy(update={"versions": {"/taly/production/TOO_OLD": 4}})])
    assert without_outdated(journal, policies, journal.requests()) == []


def test_what_the_daemon_refuses_is_shown_to_who_waits_and_to_who_asks_later(
    story: Beside, plan: Path
) -> None:
    acting(story, somebody_writes_first)
    said = story("apply", str(plan), "--wait", "--json")
    assert said.code == 1
    (asked,) = said.json()["requests"]
    assert asked["state"] == "refused"
    sentence = asked["sentence"]
    assert sentence.startswith("the plan of 2")
    assert "had version 3 then, and has version 4 now; make a new one" in sentence
    assert f"refused, {sentence}" in " ".join(said.err.split())
    assert f"refused, {sentence}" in story("history", TOO_OLD).out
    assert f"refused: rotate by {asked['by']} at " in story("status", TOO_OLD).out
    assert sentence in story("status", TOO_OLD).out
    assert story("status", TOO_OLD, "--json").json()["refused"]["id"] == asked["id"]


def test_what_was_refused_is_no_news_once_somebody_asked_again(story: Beside, plan: Path) -> None:
    assert story("apply", str(plan)).code == 0
    with story.journal() as journal:
        somebody_writes_first(journal)
    assert story("rotate", TOO_OLD).code == 0
    assert "refused" not in story("status", TOO_OLD).out
    assert story("status", TOO_OLD, "--json").json()["refused"] is None


def test_a_plan_right_after_a_rotation_holds_although_no_scan_has_seen_what_it_wrote(story: Beside) -> None:
    with story.journal() as journal:
        journal.wake("rgrace")
        row = next(one for one in journal.claim_rotations("t", 10, Phase, DAY) if one.id == "rgrace")
        wrote = {"/taly/production/GRACE": 9}
        ended = {
            "state": State.DONE,
            "ended_at": journal.now() + DAY,
            "ledger": row.ledger.having(wrote=wrote),
        }
        journal.checkpoint(row, row.model_copy(update=ended), Told("done", "done"), release=True)
    path = story.folder / "plan.json"
    assert story("plan", "production/GRACE", "-o", str(path)).code == 0
    assert json.loads(path.read_text())["due"][0]["versions"] == wrote
    assert story("apply", str(path)).code == 0


def test_a_version_that_changed_makes_it_stale(story: Beside, plan: Path) -> None:
    with story.journal() as journal:
        seen = journal.observed()[TOO_OLD]
        journal.note_observed([seen.model_copy(update={"versions": {"/taly/production/TOO_OLD": 4}})])
    said = story("apply", str(plan))
    assert said.code == 4
    assert "is stale, and nothing was asked for. Make a new one: rotator plan -o" in said.err
    assert f"  {TOO_OLD}: /taly/production/TOO_OLD had version 3 then, and has version 4 now" in said.err
    told = story("apply", str(plan), "--json")
    assert told.code == 4
    assert told.json()["stale"] == [
        f"{TOO_OLD}: /taly/production/TOO_OLD had version 3 then, and has version 4 now"
    ]
    assert requests(story) == []


def test_a_parameter_that_is_gone_makes_it_stale(story: Beside, plan: Path) -> None:
    with story.journal() as journal:
        seen = journal.observed()[TOO_OLD]
        gone: dict[str, Any] = {"versions": {}, "modified_at": None, "present": False}
        journal.note_observed([seen.model_copy(update=gone)])
    said = story("apply", str(plan))
    assert said.code == 4
    assert "had version 3 then, and has no version now" in said.err
    assert "never rotated then, missing now: not in the store" in said.err


def test_another_policy_makes_it_stale(story: Beside, plan: Path) -> None:
    text = story.policy_file.read_text() + "\n# a remark\n"
    story.policy_file.write_text(text)
    before = json.loads(plan.read_text())["policy_version"]
    with story.journal() as journal:
        journal.note_policy(story.policies, text)
    said = story("apply", str(plan))
    assert said.code == 4
    assert (
        f"the policy had version {before[:12]} then, and has version {story.policies.version[:12]} now"
        in said.err
    )


def test_a_secret_that_left_the_policy_makes_it_stale(story: Beside, plan: Path) -> None:
    text = story.policy_file.read_text().replace("  TOO_OLD:", "  OTHER:")
    story.policy_file.write_text(text)
    with story.journal() as journal:
        journal.note_policy(story.policies, text)
    assert f"{TOO_OLD}: not in the policy any more" in story("apply", str(plan)).err


def test_a_plan_of_what_is_named(story: Beside, plan: Path) -> None:
    said = story(
        "plan", "production/HEALTHY", "GRACE", "production/GONE", "--env", "production", "-o", str(plan)
    )
    assert said.out.splitlines()[0].startswith("~ production/HEALTHY  in ")
    assert "held back" in said.out
    assert "a request would wait its turn" in said.out
    assert "x production/GONE\n    cannot be rotated: not in the store" in said.out
    assert story("apply", str(plan)).code == 0
    assert [about for _, about, _ in requests(story)] == ["production/HEALTHY"]


def test_a_plan_of_everything_and_of_a_kind(story: Beside) -> None:
    told = story("plan", "--all", "--json").json()
    assert {one["secret"] for one in told["due"]} == {"production/HEALTHY", TOO_OLD, "staging/HEALTHY"}
    told = story("plan", "--type", "shared", "--owner", "platform", "--env", "production", "--json").json()
    assert [one["secret"] for one in told["due"]] == [TOO_OLD], "without a name it is about what is due"
    assert "did you mean 'shared'?" in story("plan", "--type", "shred").err


def test_an_empty_plan_is_written_and_asks_for_nothing(story: Beside, plan: Path) -> None:
    assert story("plan", "--env", "staging", "-o", str(plan)).code == 0
    said = story("apply", str(plan))
    assert said.code == 0
    assert said.err == "the plan holds no rotation: nothing to do\n"
    assert requests(story) == []


def test_what_the_last_rotation_took_is_what_is_expected(story: Beside) -> None:
    with story.journal() as journal:
        journal.wake("rgrace")
        row = next(one for one in journal.claim_rotations("t", 10, Phase, DAY) if one.id == "rgrace")
        ledger = row.ledger.having(confirmed_at=row.opened_at + timedelta(minutes=3))
        ended = {"state": State.DONE, "ended_at": journal.now(), "ledger": ledger, "reason": None}
        journal.checkpoint(row, row.model_copy(update=ended), Told("done", "done"), release=True)
    told = story("plan", "production/GRACE", "--json").json()
    assert told["due"][0]["expected_seconds"] == 180
    assert (
        "time until consumers are on the new one: 3 min, as last time"
        in story("plan", "production/GRACE").out
    )


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("", "is no plan of this version"),
        ("{", "is no plan of this version"),
        ("[]", "is no plan of this version"),
        ('{"schema_version": 2}', "schema_version: Input should be 1"),
        ('{"schema_version": 1, "kind": "status"}', "kind: Input should be 'plan'"),
    ],
)
def test_what_is_no_plan_is_refused(story: Beside, plan: Path, text: str, sentence: str) -> None:
    plan.write_text(text)
    said = story("apply", str(plan))
    assert said.code == 2
    assert sentence in said.err
    assert "make it with `rotator plan -o FILE`" in said.err


def test_files_that_are_not_there_or_cannot_be_written(story: Beside) -> None:
    said = story("apply", "nowhere.json")
    assert said.code == 2
    assert "nowhere.json cannot be read: No such file" in said.err
    assert "cannot be written" in story("plan", "-o", str(story.folder / "no" / "plan.json")).err
    said = story("plan", "-o", "json")
    assert said.code == 2
    assert "for the format say --output json" in said.err


def test_nothing_is_asked_for_where_the_last_scan_is_too_long_ago_to_tell(story: Beside, plan: Path) -> None:
    story.scanned_ago(timedelta(minutes=14))
    assert story("apply", str(plan), "--reason", "in time").code == 0
    story.scanned_ago(timedelta(hours=3))
    said = story("apply", str(plan), "--json")
    assert said.code == 4
    assert said.err.startswith(
        "rotator: the last scan of production is 3 h ago: nobody knows what has changed"
    )
    assert said.json()["stale"][0] == "the last scan of production is 3 h ago"
    assert len(requests(story)) == 1


def test_an_environment_that_the_plan_is_not_about_may_wait_for_its_scan(story: Beside, plan: Path) -> None:
    with story.journal() as journal:
        seen = journal.surveyed()["staging"]
        journal.note_surveyed(seen.model_copy(update={"scanned_at": seen.scanned_at - 3 * DAY}))
    assert story("apply", str(plan)).code == 0
