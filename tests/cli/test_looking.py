from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

import pytest

from rotator.cli.plan import steps, writes
from rotator.contracts.journal import Journal
from rotator.engine.decisions import Decided
from rotator.engine.report.facts import next_step
from rotator.engine.standing import Decision, Standing
from rotator.model.observations import HEARTBEAT, History, Pause
from rotator.model.policy import HeartbeatPolicy
from rotator.model.rotation import Phase, Reason
from tests.cli.beside import DAY, NAMES, Beside
from tests.engine.things import gathered, policy, recipe, rotation


def test_status_shows_the_deepest_problem_first(story: Beside) -> None:
    said = story("status", "--env", "production")
    rows = [line.split() for line in said.out.splitlines()[1:]]
    assert [row[:2] for row in rows] == [
        ["PARKED", "PARKED"],
        ["FAILED", "FAILED"],
        ["GONE", "MISSING"],
        ["TOO_OLD", "OVERDUE"],
        ["WAITS_FOR_YES", "APPROVAL"],
        ["GRACE", "GRACE"],
        ["NOT_SEEN", "UNKNOWN"],
    ]
    assert "1 with nothing to do" in said.err
    assert "Last scan 2 min ago" in said.err
    assert f"Policy {story.policies.version[:12]}" in said.err


def test_what_to_do_stands_in_the_row(story: Beside) -> None:
    out = story("status").out
    assert "rotator approve rwaitsforyes --reason" in out
    assert "rotator history production/PARKED" in out
    assert "attempt 5" in out
    assert "invalidated in 3 d" in out


def test_what_is_asked_for_says_what_holds_it_up(story: Beside) -> None:
    """Another secret of the same principal, say: the next scan does not begin it either."""
    assert story("rotate", "production/HEALTHY", "--no-wait").code == 0
    assert "begins at the next scan" in story("status", "--all").out
    held_up = "waits for rotation rgrace of production/GRACE, which is active and holds their principal"
    with story.journal() as journal:
        seen = journal.observed()["production/HEALTHY"]
        journal.note_observed([seen.model_copy(update={"trouble": held_up})])
    out = story("status", "--all").out
    assert "begins at the next scan" not in out
    assert held_up in out


@pytest.mark.parametrize("columns", [80, 160])
def test_no_line_is_wider_than_the_terminal(story: Beside, columns: int) -> None:
    story.monkeypatch.setenv("COLUMNS", str(columns))
    for words in (
        ["status", "--all"],
        ["plan"],
        ["status", "production/GRACE"],
        ["history", "production/PARKED"],
    ):
        out = story(*words).out
        assert max(len(line) for line in out.splitlines()) <= columns
        assert "production" in out


def test_in_a_pipe_every_row_is_one_line_and_has_no_colour(story: Beside) -> None:
    said = story("status", "--all")
    assert len(said.out.splitlines()) == 1 + len(NAMES) * 2
    assert "\x1b" not in said.out


@pytest.mark.parametrize("quiet", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {}])
def test_bold_is_only_for_terminals_that_want_it(story: Beside, quiet: dict[str, str]) -> None:
    import sys

    story.monkeypatch.setenv("TERM", "xterm")
    story.monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    for name, value in quiet.items():
        story.monkeypatch.setenv(name, value)
    assert ("\x1b[1m" in story("status").out) == (not quiet)


def test_status_as_json_has_stable_keys(story: Beside) -> None:
    told = story("status", "--json").json()
    assert told["schema_version"] == 1
    assert set(told) == {
        "schema_version", "policy_version", "daemon_running", "troubles", "environments", "secrets",
        "heartbeat", "clock_ahead_seconds",
    }  # fmt: skip
    by_secret = {one["secret"]: one for one in told["secrets"]}
    failed = by_secret["production/FAILED"]
    assert set(failed) == {
        "secret", "environment", "name", "type", "state", "standing", "sentence", "until", "age_seconds", "age_by",
        "due_at", "overdue_at", "overdue", "owner", "rotation", "last", "paused_until", "rollback_until",
        "unknown_credentials",
    }  # fmt: skip
    assert failed["state"] == "failed"
    assert failed["rotation"]["id"] == "rfailed"
    assert by_secret["production/TOO_OLD"]["overdue"] is True
    assert by_secret["production/TOO_OLD"]["age_by"] == "store"


def test_exit_codes_on_demand(story: Beside) -> None:
    assert story("status").code == 0
    assert story("status", "--exit-code").code == 12
    assert story("status", "--exit-code", "--env", "staging").code == 12, "no daemon runs"
    story.daemon_seems_to_run()
    assert story("status", "--exit-code", "--env", "staging").code == 0
    assert story("plan", "--exit-code").code == 11


def test_without_a_journal_nothing_is_made_and_the_sentence_helps(rotator: Beside) -> None:
    said = rotator("status")
    assert said.code == 0
    assert "Nothing has been scanned yet" in said.err
    assert "rotator run" in said.err
    assert not rotator.folder.joinpath("state").exists()


def test_what_was_never_looked_at_is_no_nothing(rotator: Beside) -> None:
    said = rotator("plan", "--exit-code")
    assert said.code == 12
    assert said.err.startswith("Nothing is known yet: 16 secrets have not been looked at\n")
    assert "othing due" not in said.err
    (rotator.folder / "state").mkdir()
    rotator.daemon_seems_to_run()
    assert rotator("status", "--exit-code").code == 12


def test_a_drill_of_the_heartbeat_is_seen(story: Beside) -> None:
    assert story("drill", "heartbeat").err == (
        "rotator: policies.yaml has no alerts.heartbeat: nobody outside hears from rotator\n"
    )
    with story.journal() as journal:
        _has_a_heartbeat(story, journal)
        until = journal.now() + DAY
        journal.note_pause(HEARTBEAT, Pause(secret=HEARTBEAT, until=until, by="ana", because="who wakes up?"))
    said = f"heartbeat: nobody outside is told that all is well: ana keeps it silent until {until:%Y-%m-%d %H:%M} UTC"
    assert said in story("status").err


def test_why_the_heartbeat_is_silent_is_seen(story: Beside) -> None:
    assert "heartbeat" not in story("status").err
    assert story("status", "--json").json()["heartbeat"] is None
    with story.journal() as journal:
        _has_a_heartbeat(story, journal)
        survey = journal.surveyed()["production"]
        journal.note_surveyed(survey.model_copy(update={"trouble": "SSM does not answer"}))
        journal.hold_account("the heartbeat", heard := journal.now() - DAY)
    why = "nobody outside is told that all is well: production: SSM does not answer"
    assert f"heartbeat: {why}" in story("status").err
    told = story("status", "--json").json()["heartbeat"]
    assert told["silent"] == "scan"
    assert told["sentence"].startswith(why)
    assert datetime.fromisoformat(told["heard_at"]) == pytest.approx(
        heard - timedelta(minutes=5), abs=timedelta(seconds=1)
    )


def _has_a_heartbeat(story: Beside, journal: Journal) -> None:
    rule = HeartbeatPolicy(url="env:URL", every=timedelta(minutes=5), grace=timedelta(minutes=15))
    alerts = story.policies.alerts.model_copy(update={"heartbeat": rule})
    journal.note_policy(story.policies.model_copy(update={"alerts": alerts, "version": "2"}), "text")


def test_without_a_channel_status_says_that_nobody_can_be_told(story: Beside) -> None:
    silent = "Nobody can be told of anything: settings name no Slack, no mail and no webhook."
    assert silent in story("status").err
    story.monkeypatch.setenv("ROTATOR_SLACK_WEBHOOK", "https://hooks.slack.example/services/x")
    assert silent not in story("status").err


def test_plan_says_what_why_and_at_what_cost(story: Beside) -> None:
    said = story("plan")
    assert "~ production/TOO_OLD" in said.out
    assert "never rotated; 95 d old by the store" in said.out
    assert "accept both -> restart api -> write 1 parameter -> restart api -> grace 3 d" in said.out
    assert (
        "store writes: 3 (at most 3/s)   restarts: production/api x3   failed logins expected: 0" in said.out
    )
    assert "Nothing was changed" in said.err
    told = story("plan", "--json").json()
    assert [one["secret"] for one in told["due"]] == ["production/TOO_OLD"]
    assert told["writes"] == 3


def test_fields_in_one_parameter_are_one_write() -> None:
    apart: dict[str, Any] = {"fields": {"sid": "/taly/production/SID", "secret": "/taly/production/SECRET"}}
    one: dict[str, Any] = {
        "fields": dict.fromkeys(("sid", "secret"), "/taly/production/KEY"),
        "one_parameter": True,
    }
    assert (writes(recipe(**apart)), writes(recipe(**one))) == (2, 1)
    assert "write 2 parameters" in steps(policy(how=apart))
    assert "write 1 parameter ->" in steps(policy(how=one))


def test_plan_without_work_says_what_comes_next(story: Beside) -> None:
    said = story("plan", "--env", "staging")
    assert said.out == ""
    assert said.err.startswith("Nothing due; next: staging/HEALTHY in ")


def test_plan_shows_what_is_held_back_and_until_when(story: Beside) -> None:
    from datetime import timedelta

    from rotator.model.observations import Pause

    with story.journal() as journal:
        until = journal.now() + timedelta(days=2)
        journal.note_pause(
            "production/TOO_OLD",
            Pause(secret="production/TOO_OLD", until=until, by="ana", because="audit"),
        )
    said = story("plan")
    assert "! production/TOO_OLD" in said.out
    assert f"held back (until {until:%Y-%m-%d %H:%M} UTC): paused by ana" in said.out


def test_history_tells_the_story_under_its_headings(story: Beside) -> None:
    said = story("history", "PARKED", "--env", "production")
    lines = said.out.splitlines()
    assert lines[0].startswith("production/PARKED  rparked  PARKED: it still works")
    assert lines[1] == "  update at source"
    assert lines[2].endswith("it was due")
    assert story("history", "rparked").out == said.out
    told = json.loads(story("history", "rparked", "--json").out)
    assert [event["kind"] for event in told["rotations"][0]["events"]] == ["opened", "parked"]


def test_history_says_when_the_record_is_not_as_it_was_written(story: Beside) -> None:
    assert story("history", "rgrace", "--json").json()["rotations"][0]["faults"] == []
    with closing(sqlite3.connect(story.folder / "state" / "journal.sqlite")) as database, database:
        database.execute(
            "UPDATE event SET sentence = 'all was well' WHERE rotation = 'rgrace' AND sequence = 2"
        )
    said = story("history", "GRACE", "--env", "production")
    assert said.code == 1
    assert said.err == "rgrace: the record is not as it was written: event 2 was changed\n"
    assert "all was well" in said.out, "it is shown as it is"
    told = story("history", "rgrace", "--json")
    assert told.code == 1
    assert told.json()["rotations"][0]["faults"] == ["event 2 was changed"]
    assert story("history", "rparked").code == 0


def test_history_of_a_secret_that_left_the_policy(story: Beside) -> None:
    text = story.policy_file.read_text().replace("  PARKED:", "  OTHER:")
    story.policy_file.write_text(text)
    with story.journal() as journal:
        journal.note_policy(story.policies, text)
    assert "it still works" in story("history", "production/PARKED").out


def test_one_secret(story: Beside) -> None:
    said = story("status", "production/GRACE")
    assert said.out.startswith("production/GRACE  GRACE\n")
    assert "/taly/production/GRACE, version 3" in said.out
    assert "owner: platform" in said.out
    assert story("status", "/taly/production/GRACE").out == said.out


def test_a_command_that_a_step_names_is_not_said_again() -> None:
    said = "prove: a person has to end the old one at the source, then: rotator approve rot1 --reason …"
    waits = rotation(phase=Phase.PROVE, reason=Reason.AWAITING_YES, sentence=said)
    at = gathered(history=History(active=waits))
    assert next_step(Decided(at, Decision(Standing.ACTIVE, said))) == said
    asks = Decision(Standing.ACTIVE, "forget: verifiers outside have to take it up first")
    assert next_step(Decided(at, asks)).endswith("; say yes: rotator approve rot1 --reason …")
