"""--output, --json, --color: the same data for people, scripts and spreadsheets."""

from __future__ import annotations

import csv
import io
import json
import sys

import pytest

from rotator.cli.show import Format, as_rows
from rotator.model.observations import Pause
from rotator.model.requests import RequestKind
from tests.cli.beside import DAY, NAMES, Beside

VERBS = [["status"], ["status", "production/GRACE"], ["plan"], ["history", "production/GRACE"]]


@pytest.mark.parametrize("words", VERBS)
def test_json_is_short_for_output_json(story: Beside, words: list[str]) -> None:
    told = story(*words, "--json").json()
    assert told["schema_version"] == 1
    assert set(story(*words, "--output", "json").json()) == set(told)
    said = story(*words, "--json", "--output", "csv")
    assert said.code == 2
    assert "--json and --output csv: say one of them" in said.err


@pytest.mark.parametrize("words", VERBS)
def test_every_table_is_lines_of_json_and_csv(story: Beside, words: list[str]) -> None:
    lines = [json.loads(line) for line in story(*words, "--output", "jsonl").out.splitlines()]
    rows = list(csv.DictReader(io.StringIO(story(*words, "--output", "csv").out)))
    assert len(lines) == len(rows) > 0
    assert all(line["schema_version"] == 1 for line in lines)
    assert [row["secret"] for row in rows] == [line["secret"] for line in lines]
    assert all(None not in row.values() for row in rows)


def test_a_spreadsheet_of_all_secrets_has_its_columns_also_where_nothing_happened(
    story: Beside, rotator: Beside
) -> None:
    rows = list(csv.DictReader(io.StringIO(story("status", "--output", "csv").out)))
    assert len(rows) == 2 * len(NAMES)
    failed = next(row for row in rows if row["secret"] == "production/FAILED")
    assert (failed["rotation.id"], failed["rotation.phase"], failed["overdue"]) == (
        "rfailed",
        "create",
        "false",
    )
    assert failed["last.ended_at"] == ""


def test_what_a_person_typed_never_becomes_a_formula(story: Beside) -> None:
    with story.journal() as journal:
        until = journal.now() + DAY
        pause = Pause(secret="production/HEALTHY", until=until, by="=cmd|calc", because="x")
        journal.note_pause("production/HEALTHY", pause)
    story("rotate", "production/TOO_OLD", "--reason", '=HYPERLINK("https://evil.example")')
    rows = list(csv.reader(io.StringIO(story("status", "--output", "csv").out)))
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@"))]


@pytest.mark.parametrize("begins", ["=", "+", "-", "@", " =", "\t=", "\uff1d", "\uff20"])
def test_no_cell_begins_a_formula(begins: str, capsys: pytest.CaptureFixture[str]) -> None:
    as_rows(Format.CSV, [{"why": f"{begins}cmd|calc"}], ["why"])
    assert capsys.readouterr().out.splitlines()[1].startswith("'")


@pytest.mark.parametrize("form", ["table", "csv"])
def test_what_a_person_typed_never_moves_the_cursor(story: Beside, form: str) -> None:
    until, typed = "2099-01-01T00:00Z", "\x1b[2J\x1b]0;all is well\x07\u202e\nGONE"
    with story.journal() as journal:
        pause = Pause(secret="production/HEALTHY", until=journal.now() + DAY, by="ana", because=typed)
        journal.note_pause("production/HEALTHY", pause)
    for words in (
        ["status", "--all"],
        ["status", "production/HEALTHY"],
        ["rotate", f"production/{typed}", until],
    ):
        said = story(*words, *(["--output", form] if words[0] == "status" else []))
        assert not [one for one in said.out + said.err if one != "\n" and not one.isprintable()], words
    assert r"\x1b[2J\x1b]0;all is well\x07\u202e GONE" in story("status", "--all").out


def test_a_story_as_rows(story: Beside) -> None:
    rows = list(csv.DictReader(io.StringIO(story("history", "rparked", "--output", "csv").out)))
    assert [(row["phase"], row["heading"], row["kind"]) for row in rows] == [
        ("plan", "update at source", "opened"),
        ("prove", "invalidate the old", "parked"),
    ]


@pytest.mark.parametrize("words", [["--color", "always", "status"], ["status", "--color", "always"]])
def test_colour_on_demand_also_in_a_pipe_and_with_no_color(story: Beside, words: list[str]) -> None:
    story.monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[31mFAILED\x1b[0m" in story(*words).out
    assert "\x1b" not in story("status").out, "what one command was told is not for the next"


def test_no_colour_on_demand(story: Beside) -> None:
    story.monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    story.monkeypatch.setenv("TERM", "xterm")
    assert "\x1b" in story("status").out
    assert "\x1b" not in story("status", "--color", "never").out
    story.monkeypatch.setenv("NO_COLOR", "")
    assert "\x1b" in story("status").out, "empty means nothing (no-color.org)"


def test_colour_changes_no_width_and_tints_the_state_only(story: Beside) -> None:
    plain = story("status").out
    coloured = story("status", "--color", "always").out
    for code in ("\x1b[31m", "\x1b[33m", "\x1b[1m", "\x1b[0m"):
        coloured = coloured.replace(code, "")
    assert coloured == plain
    row = next(line for line in story("status", "--color", "always").out.splitlines() if "/FAILED" in line)
    assert row.startswith("production/FAILED "), "a secret of that name is no state"


def test_wrong_words_are_answered_with_what_is_allowed(story: Beside) -> None:
    said = story("status", "--output", "yaml")
    assert said.code == 2
    assert "table" in said.err
    assert "jsonl" in said.err


def test_a_request_is_told_as_json(story: Beside) -> None:
    told = story("rotate", "production/HEALTHY", "--json").json()
    assert told["requests"][0]["kind"] == RequestKind.ROTATE
    assert (told["rotations"], told["refused"]) == ([], {})
