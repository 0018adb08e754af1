"""Every command on a page is one that `rotator` takes, and those that only look are really run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer

from rotator.cli.codes import Code
from rotator.cli.main import app
from rotator.model.observations import Observed, Surveyed
from tests.cli.beside import DAY, Beside
from tests.docs.commands import Command, commands
from tests.docs.pages import PAGES, ROOT, blocks, inline

ALL = [command for page in PAGES for command in commands(page)]
PARSER: Any = typer.main.get_command(app)
#: They change nothing, and need no daemon.
LOOKING = {"status", "plan", "history", "--version", "--help", "policy"}
#: They leave a request, or say why not; what becomes of it is a daemon's.
ASKING = {"approve", "reject", "pause", "resume", "rotate", "rollback", "retry", "compromised", "prepare"}
#: The id of a rotation, an alert or a file that nobody has here, and what a shell fills in.
SOMEBODYS = r"r[0-9a-f]+|al_\w+|policy:\w+|\$.*"


def trouble(command: Command) -> str:
    """Why `rotator` would not take the words; empty when it would."""
    words, parser = list(command.words), PARSER
    while words and not words[0].startswith("-") and hasattr(parser, "commands"):
        if words[0] not in parser.commands:
            return f"there is no {words[0]}"
        parser = parser.commands[words.pop(0)]
    if hasattr(parser, "commands"):
        return "" if not words or words[0] in {"--help", "--version"} else f"there is no {words[0]}"
    try:
        parser.make_context("rotator", words)
    except Exception as refused:  # noqa: BLE001 - typer does not publish what its parser raises
        cut_short = not command.exact and type(refused).__name__ == "MissingParameter"
        return "" if cut_short else str(refused) or type(refused).__name__
    return ""


def test_every_command_is_one_that_rotator_takes() -> None:
    assert len(ALL) > 100
    assert not {f"{one.place} {' '.join(one.words)}: {why}" for one in ALL if (why := trouble(one))}


@pytest.mark.parametrize(
    "words",
    ["stauts", "status --jsno", "rotate A --env", "policy chekc", "approve X", "history X --limit many"],
)
def test_a_command_that_it_does_not_take_would_be_seen(words: str) -> None:
    assert trouble(Command("here", tuple(words.split()), exact=True))


@pytest.fixture
def taly(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Beside:
    """Taly's installation: every secret was looked at, and nothing has happened yet."""
    rotator = Beside(tmp_path, capsys, monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ROTATOR_ALLOWED_HOSTS", "*.taly.example,*.taly.internal,api.stripe.com")
    rotator.policy_file.write_text((ROOT / "policies.yaml").read_text(encoding="utf-8"))
    with rotator.journal() as journal:
        policies, now = rotator.policies, journal.now()
        journal.note_policy(policies, rotator.policy_file.read_text())
        for name in policies.environments:
            journal.note_surveyed(Surveyed(environment=name, scanned_at=now, agreed=True, digest="x"))
        journal.note_observed(
            Observed(secret=name, observed_at=now, present=True, modified_at=now - 40 * DAY)
            for name in policies.secrets
        )
    return rotator


def test_commands_that_only_look_do_what_their_page_says(taly: Beside) -> None:
    looking = {one.words: one for one in ALL if one.exact and one.words and one.words[0] in LOOKING}
    assert len(looking) > 8
    for words, command in looking.items():
        if not any(re.fullmatch(SOMEBODYS, word) for word in words):
            said = taly(*words)
            assert (said.code, said.err.startswith("rotator:")) == (0, False), f"{command.place}: {said.err}"


def test_commands_that_ask_are_taken_or_refused_with_a_reason(taly: Beside) -> None:
    """What they ask for needs a daemon; that it is asked for needs none."""
    asking = {one.words: one for one in ALL if one.exact and one.words and one.words[0] in ASKING}
    assert len(asking) > 15
    for words, command in asking.items():
        if not any(re.fullmatch(SOMEBODYS, word) for word in words):
            said = taly(*(word for word in words if word != "--wait"))
            taken = said.code in {Code.OK, Code.SOME_FAILED, Code.REFUSED}
            assert taken, f"{command.place}: rotator {' '.join(words)}: {said.code}: {said.err}"


def test_every_target_of_make_that_a_page_names_is_there() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    shown = [block for page in PAGES for block in blocks(page, "sh", "console", "")]
    said = [code for page in PAGES for code in inline(page)]
    named = {
        (piece.place, name)
        for piece in (*shown, *said)
        for name in re.findall(r"^make ([\w-]+)", piece.text, re.MULTILINE)
    }
    assert {name for _, name in named} >= {"demo", "test", "check"}
    assert not {f"{place}: make {name}" for place, name in named if name not in targets}
