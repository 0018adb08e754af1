"""Completion: what a TAB offers, where the names come from, and what the three shells make of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from rotator.cli.completion import _CHOICES, Shell, script_for
from rotator.cli.known_names import known_names, remember_names
from rotator.cli.main import command
from tests.cli.beside import Beside
from tests.cli.test_alerts import over, posted

BIN = Path(sys.executable).parent
#: Parameters that take free text, numbers or dates: nothing is offered for them.
FREE = {"reason", "until", "timeout", "limit", "field", "fd", "how_long", "within", "installation"}
FILES = {"file", "save", "events", "starts", "policies"}
KNOWN = {"secret", "alerts", "secrets", "what", "env", "environment", "kind", "owner", *FILES, *_CHOICES}


def offered(beside: Beside, *words: str) -> list[str]:
    said = beside("complete", "--", *words)
    assert (said.code, said.err) == (0, "")
    return [line.split("\t")[0] for line in said.out.splitlines()]


@pytest.mark.parametrize(
    "words, expected",
    [
        (["sta"], ["status"]),
        (["pol"], ["policy"]),
        (["policy", "e"], ["explain"]),
        (["complet"], ["completion"]),
        (["status", "production/G"], ["production/GRACE", "production/GONE"]),
        (["status", "--env", "production", "G"], ["GRACE", "GONE"]),
        (["status", "--env=production", "G"], ["GRACE", "GONE"]),
        (["status", "production/GRACE", "p"], []),
        (["rotate", "production/GRACE", "production/H"], ["production/HEALTHY"]),
        (["status", "--env", ""], ["staging", "production"]),
        (["status", "--env=st"], ["--env=staging"]),
        (["status", "--env", "=", "st"], ["staging"]),
        (["status", "--env", "="], ["staging", "production"]),
        (["rotate", "--type", ""], ["shared"]),
        (["rotate", "--owner", "pl"], ["platform"]),
        (["rotate", "--ti"], ["--timeout"]),
        (["rotate", "--timeout", ""], []),
        (["take-over", "p"], ["production"]),
        (["approve", "rg"], ["rgrace"]),
        (["history", "production/GRA"], ["production/GRACE"]),
        (["--color", "al"], ["always"]),
        (["--color", "never", "stat"], ["status"]),
        (["status", "--output", "js"], ["json", "jsonl"]),
        (["apply", ""], [":files"]),
        (["plan", "-o", ""], [":files"]),
        (["policy", "diff", ""], [":files"]),
        (["completion", ""], ["bash", "zsh", "fish"]),
        (["nonsense", "x"], []),
    ],
)
def test_what_may_stand_there(story: Beside, words: list[str], expected: list[str]) -> None:
    assert offered(story, *words) == expected


def test_every_verb_is_offered(story: Beside) -> None:
    verbs = offered(story, "")
    assert {"run", "status", "plan", "apply", "rotate", "take-over", "policy", "completion"} <= set(verbs)


def test_an_option_is_offered_once_with_what_it_means(story: Beside) -> None:
    said = story("complete", "--", "status", "--json", "--")
    assert "--all\tList the healthy ones, too" in said.out.splitlines()
    assert "--json" not in [line.split("\t")[0] for line in said.out.splitlines()]


def test_a_name_that_only_one_environment_has_is_enough(story: Beside) -> None:
    policy = yaml.safe_load(story.policy_file.read_text())
    policy["secrets"]["GRACE"] |= {"only_in": ["production"], "environments": {}}
    story.policy_file.write_text(yaml.safe_dump(policy))
    with story.journal() as journal:
        journal.note_policy(story.policies, story.policy_file.read_text())
    assert offered(story, "status", "GR") == ["GRACE"]


def test_open_alerts_are_offered_by_their_ids(story: Beside) -> None:
    alert = posted(story)
    over(story, posted(story, identity="another"))
    for verb in ("ack", "snooze"):
        assert offered(story, verb, "") == [alert.id]
    assert offered(story, "ack", alert.id, "al_") == [alert.id]


def test_every_parameter_is_known_or_free() -> None:
    """A new one has to say what a TAB offers for it."""
    commands = [command()]
    found = set()
    while commands:
        here = commands.pop()
        commands += list(getattr(here, "commands", {}).values())
        found |= {one.name for one in here.params if not getattr(one, "is_flag", False)}
    assert found - KNOWN - FREE == set()


def test_without_a_journal_there_are_verbs_and_no_names_and_nothing_is_made(rotator: Beside) -> None:
    assert offered(rotator, "status", "") == []
    assert offered(rotator, "hist") == ["history"]
    assert not rotator.folder.joinpath("state").exists()


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\x00"])
def test_a_file_that_is_no_journal_is_silence(rotator: Beside, content: bytes) -> None:
    (rotator.folder / "state").mkdir()
    (rotator.folder / "state" / "journal.sqlite").write_bytes(content)
    assert offered(rotator, "status", "p") == []


@pytest.fixture
def on_postgresql(story: Beside) -> str:
    """An address whose server nobody may ask."""
    story.monkeypatch.setenv("XDG_CACHE_HOME", str(story.folder / "cache"))
    address = "postgresql://rotator:hunter2@db.invalid/rotator"
    story.monkeypatch.setenv("ROTATOR_JOURNAL", address)
    return address


def test_on_postgresql_names_are_as_the_last_command_saw_them(story: Beside, on_postgresql: str) -> None:
    assert known_names().secrets == ()
    remember_names(on_postgresql, story.policies)
    assert offered(story, "status", "production/GR") == ["production/GRACE"]
    assert offered(story, "rotate", "--type", "") == ["shared"]
    (kept,) = (story.folder / "cache" / "rotator").iterdir()
    assert "hunter2" not in kept.read_text() + kept.name
    remember_names(on_postgresql.replace("hunter2", "other"), story.policies)
    assert list(kept.parent.iterdir()) == [kept], "a password is no part of the name"


def test_each_command_leaves_the_names_it_met(story: Beside, on_postgresql: str) -> None:
    story.monkeypatch.setenv("ROTATOR_JOURNAL", story.url)
    story("status")
    assert not (story.folder / "cache").exists(), "the file tells them itself"
    from rotator.cli.opening import Place
    from rotator.config.settings import read_settings
    from rotator.journal.view import View

    story.monkeypatch.setenv("ROTATOR_JOURNAL", on_postgresql)
    Place(read_settings(), View(story.folder / "state" / "journal.sqlite")).policies  # noqa: B018 - asked for
    assert offered(story, "status", "production/GR") == ["production/GRACE"]


def test_a_cache_that_is_broken_or_cannot_be_written_is_no_trouble(story: Beside, on_postgresql: str) -> None:
    remember_names(on_postgresql, story.policies)
    (kept,) = (story.folder / "cache" / "rotator").iterdir()
    for broken in ("", "{", json.dumps([1]), json.dumps([["a"]])):
        kept.write_text(broken)
        assert known_names().secrets == ()
    story.monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
    remember_names(on_postgresql, story.policies)


def test_a_tab_loads_nothing_heavy(story: Beside) -> None:
    asking = """
import sys
from rotator.cli.main import main
sys.argv = ["rotator", "complete", "--", "status", "production/GR"]
try:
    main()
except SystemExit:
    pass
heavy = {"boto3", "sqlalchemy", "pydantic", "structlog", "rich", "httpx", "apscheduler", "alembic", "yaml"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", asking], capture_output=True, text=True, timeout=200, check=True
    )
    assert done.stdout.splitlines() == ["production/GRACE\tshared, platform", "[]"]


TRIES = {
    Shell.BASH: """
COMP_WORDS=(rotator status production/GR); COMP_CWORD=2; _rotator; printf '%s\\n' "${COMPREPLY[@]}"
COMP_WORDS=(rotator status --env = st); COMP_CWORD=4; _rotator; printf '%s\\n' "${COMPREPLY[@]}"
COMP_WORDS=(rotator apply ""); COMP_CWORD=2; compopt() { echo files; }; _rotator
""",
    Shell.ZSH: """
_describe() { print -l -- "${${found[@]%%:*}}"; }
_files() { print files; }
words=(rotator status production/GR); CURRENT=3; _rotator
words=(rotator status --env=st); CURRENT=3; _rotator
words=(rotator apply ""); CURRENT=3; _rotator
""",
    Shell.FISH: """
function __fish_complete_path; echo files; end
complete -C "rotator status production/GR" | string split -f 1 \\t
complete -C "rotator status --env=st" | string split -f 1 \\t
complete -C "rotator apply " | string split -f 1 \\t
""",
}


@pytest.mark.slow
@pytest.mark.parametrize("shell", list(Shell))
def test_the_shell_itself_takes_the_script(story: Beside, shell: Shell) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed: its script cannot be tried")
    stub = "compdef() { }\n" if shell is Shell.ZSH else ""
    script = f"{stub}{script_for(shell)}{TRIES[shell]}"
    bare = {Shell.BASH: ["--norc"], Shell.ZSH: ["-f"], Shell.FISH: ["--no-config"]}[shell]
    done = subprocess.run(
        [shell, *bare, "-c", script],
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(story.folder)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.stderr == ""
    env = "staging" if shell is Shell.BASH else "--env=staging"
    assert done.stdout.splitlines() == ["production/GRACE", env, "files"]


@pytest.mark.parametrize("shell", list(Shell))
def test_the_script_is_what_the_verb_prints(rotator: Beside, shell: Shell) -> None:
    assert rotator("completion", shell).out == script_for(shell)
    assert rotator("completion", "tcsh").code == 2
