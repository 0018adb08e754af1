from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.cli.beside import Beside


@pytest.mark.parametrize(
    "words, sentence",
    [
        (["stauts"], "no such command 'stauts'"),
        (["status", "--jsno"], "no such option"),
        (["approve", "x"], "missing option"),
        (["history", "x", "--limit", "many"], "--limit"),
        (["rotate", "GRACE", "--timeout", "10"], "write it with units"),
        (["run", "--log-level", "loud"], "debug, info, warning, error"),
    ],
)
def test_bad_usage_is_one_sentence(story: Beside, words: list[str], sentence: str) -> None:
    said = story(*words)
    assert said.code == 2
    assert said.out == ""
    assert said.err.startswith("rotator: ")
    assert said.err.count("\n") == 1
    assert sentence in said.err


@pytest.mark.parametrize(
    "words, page",
    [
        (["stauts"], "rotator --help"),
        (["compromised"], "rotator compromised --help"),
        (["policy", "chekc"], "rotator policy --help"),
        (["policy", "check", "--fiel"], "rotator policy check --help"),
    ],
)
def test_bad_usage_names_the_help_of_its_verb(rotator: Beside, words: list[str], page: str) -> None:
    assert rotator(*words).err.endswith(f"; see `{page}`\n")


def test_the_group_of_a_policy_shows_its_help_as_it_is_laid_out(rotator: Beside) -> None:
    said = rotator("policy")
    assert (said.code, said.out) == (2, "")
    assert "\n  check " in said.err


def test_without_a_verb_the_help_comes_on_standard_error(rotator: Beside) -> None:
    said = rotator()
    assert (said.code, said.out) == (2, "")
    assert "rotate" in said.err
    assert rotator("--help").code == 0


def test_every_wrong_setting_is_named(rotator: Beside) -> None:
    rotator.monkeypatch.setenv("ROTATOR_WORKERS", "none")
    rotator.monkeypatch.setenv("ROTATOR_SLACK_TOKN", "x")
    said = rotator("status")
    assert said.code == 2
    assert "ROTATOR_WORKERS" in said.err
    assert "did you mean ROTATOR_SLACK_TOKEN?" in said.err


def test_policy_check_says_everything_at_once(rotator: Beside) -> None:
    assert rotator("policy", "check").code == 0
    text = rotator.policy_file.read_text().replace("provider: token", "provider: tokn").replace("90d", "90")
    rotator.policy_file.write_text(text)
    said = rotator("policy", "check")
    assert said.code == 2
    assert "did you mean 'token'?" in said.out
    assert "rotate_every" in said.out
    told = rotator("policy", "check", str(rotator.policy_file), "--json").json()
    assert told["ok"] is False
    assert all(complaint["line"] for complaint in told["complaints"])
    assert rotator("policy", "check", "nowhere.yaml").err == (
        "rotator: nowhere.yaml cannot be read: No such file or directory; name the file, or set ROTATOR_POLICIES\n"
    )


def test_a_note_does_not_keep_a_policy_from_being_used(rotator: Beside) -> None:
    rotator.policy_file.write_text(
        rotator.policy_file.read_text().replace("provider: token", "provider: jwt")
    )
    said = rotator("policy", "check")
    assert said.code == 0
    assert ": note: types.shared: token_ttl is not written" in said.out
    told = rotator("policy", "check", "--json")
    assert told.code == 0
    (note,) = told.json()["complaints"]
    assert (note["severity"], told.json()["ok"]) == ("note", True)


def test_a_bug_is_a_sentence_with_its_place_and_without_its_words(story: Beside) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError("hunter2")

    story.monkeypatch.setattr("rotator.cli.status.show_status", fail)
    said = story("status")
    assert said.code == 1
    assert "ValueError at " in said.err
    assert "rotator/cli/looking_verbs.py:" in said.err
    assert "hunter2" not in said.err


def test_interrupted(story: Beside) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    story.monkeypatch.setattr("rotator.cli.status.show_status", interrupt)
    said = story("status")
    assert said.code == 130
    assert "what the daemon has begun goes on" in said.err


def test_a_reader_that_goes_away_is_no_trouble(story: Beside) -> None:
    command = [sys.executable, "-m", "rotator", "status", "--all"]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        command, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=200, check=False
    )
    os.close(writing)
    assert "Broken" not in done.stderr
    assert "bug" not in done.stderr


def test_the_version_loads_nothing_heavy() -> None:
    asking = """
import sys
from rotator.cli.main import main
sys.argv = ["rotator", "--version"]
try:
    main()
except SystemExit:
    pass
heavy = {"boto3", "sqlalchemy", "pydantic", "structlog", "rich", "httpx", "apscheduler", "alembic"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", asking], capture_output=True, text=True, timeout=200, check=True
    )
    assert done.stdout.splitlines()[1:] == ["[]"]


def test_status_loads_nothing_heavy_but_pydantic(story: Beside) -> None:
    asking = """
import sys
from rotator.cli.main import main
sys.argv = ["rotator", "status"]
try:
    main()
except SystemExit:
    pass
heavy = {"boto3", "botocore", "slack_sdk", "apscheduler", "alembic", "smtplib", "sqlalchemy", "structlog", "yaml"}
print(sorted(heavy & set(sys.modules)))
"""
    assert story.folder.exists()
    done = subprocess.run(
        [sys.executable, "-c", asking], capture_output=True, text=True, timeout=200, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
