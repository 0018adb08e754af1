"""What pages say about the code is what the code says: settings, adapters, phases, reasons, alerts, exit codes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import typer

from rotator.cli.codes import Code
from rotator.cli.main import app
from rotator.config.settings import Settings
from rotator.engine.holds import _RESTARTS_OR_INVALIDATES
from rotator.engine.words import Word
from rotator.model.alerts import AlertKind
from rotator.model.durations import spell_duration
from rotator.model.rotation import Death, Evidence, Phase, Reason
from tests.docs import adapters
from tests.docs.pages import PAGES, ROOT, blocks, text_of

DOCS = ROOT / "docs"
README = ROOT / "README.md"
THE_ROTATION = DOCS / "explanation" / "the-rotation.md"
ALERTS = DOCS / "how-to" / "alerts"


def section(page: Path, heading: str) -> str:
    """What stands below a heading."""
    return re.split(r"^#+ ", text_of(page).partition(f"# {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def rows(text: str) -> Iterator[list[str]]:
    """The rows of the tables in `text`, without their headings."""
    for line in re.findall(r"^\| ?(.+) ?\|$", text, re.MULTILINE):
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)]
        if not set(line) <= set("-| "):
            yield cells


def test_every_setting_on_a_page_is_one() -> None:
    known = {f"ROTATOR_{name.upper()}" for name in Settings.model_fields}
    said = {(page, name) for page in PAGES for name in re.findall(r"\bROTATOR_[A-Z_]*[A-Z]\b", text_of(page))}
    unknown = {(page.name, name) for page, name in said if name not in known}
    assert not {one for one in unknown if not one[1].startswith("ROTATOR_ENDPOINT")}


def test_the_reference_of_settings_has_their_defaults() -> None:
    said = {
        name.lower(): cells[-1]
        for cells in rows(text_of(DOCS / "reference" / "settings.md"))
        for name in re.findall(r"`ROTATOR_(\w+)`", cells[0])
    }
    wrong = {
        name: said[name]
        for name, field in Settings.model_fields.items()
        if (default := _spelt(field.default)) and default not in re.findall(r"[\w.]+", said[name])
    }
    assert not wrong


def _spelt(default: object) -> str:
    """A default as pages write it; empty where it is none or depends on the machine."""
    if isinstance(default, timedelta):
        return spell_duration(default)
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, int | float):
        return f"{default:g}"
    return default if isinstance(default, str) else ""


def test_the_page_of_adapters_is_made_from_them() -> None:
    assert text_of(adapters.PAGE) == adapters.page(), "python -m tests.docs"


#: What adapters rest on and nobody has verified: the file, and words of the paragraph that says so.
UNVERIFIED = [
    ("mirrors/github_actions.py", "which of them an environment needs"),
    ("providers/iam_keys.py", "the user alone is not enough"),
    ("providers/iam_user.py", "5 to 15 s are reported"),
    ("providers/iam_user.py", "USE_SHOWS is twice that"),
    ("providers/mysql_dual.py", "where mysql.user keeps the second password"),
    ("providers/mysql_dual.py", "on RDS the privileges"),
    ("providers/postgres.py", "rds.restrict_password_commands"),
    ("providers/postgres.py", "a pgbouncer with an auth_file"),
    ("providers/rds_master_database.py", "without ApplyImmediately"),
    ("providers/rds_master_database.py", "which statuses are shown"),
    ("providers/stripe_account.py", "its words"),
    ("providers/stripe_endpoints.py", "it repeats a secret"),
    ("providers/stripe_endpoints.py", "whether v2 lists what was made by v1"),
    ("providers/stripe_webhook.py", "16 unless it was raised"),
    ("providers/twilio_api_key.py", "ends the access tokens that were signed with it"),
    ("providers/twilio_auth_token.py", "the first token alone signs"),
    ("redeployers/kubernetes_sync.py", "in a cluster with the real one"),
    ("redeployers/lambda_function.py", "provisioned concurrency"),
    ("stores/ssm.py", "default quota of PutParameter"),
    ("stores/ssm_requests.py", "What SSM makes of an overwrite without them"),
    ("trails/cloudtrail.py", "parameters of GetParametersByPath and GetParameterHistory"),
]


@pytest.mark.parametrize("file, words", UNVERIFIED)
def test_what_nobody_has_verified_says_that_it_wants_confirming(file: str, words: str) -> None:
    told = (" ".join(one.split()) for one in text_of(ROOT / "rotator" / file).split("\n\n") if "[M" in one)
    assert [one for one in told if words in one and re.search(r"[Cc]onfirm(ed|ing)", one)], (
        "[M] and what to do"
    )


def test_whoever_marks_what_nobody_has_verified_says_what_it_is() -> None:
    """[M] is for general knowledge, and says so to whoever opens the adapter."""
    marked = {page for page in (ROOT / "rotator").rglob("*.py") if re.search(r"\[M[]:]", text_of(page))}
    listed = {ROOT / "rotator" / file for file, _words in UNVERIFIED}
    assert {page.name for page in marked - listed if "sandbox" not in page.parts} == set()


def test_the_readme_s_table_is_what_the_adapters_say() -> None:
    assert text_of(README) == adapters.readme(text_of(README)), "python -m tests.docs"
    named = {cells[0] for cells in rows(adapters.table())}
    assert {f"`{name}`" for name in adapters.shipped()} <= named


def test_the_rotation_is_told_with_every_phase_under_its_heading() -> None:
    told: dict[str, str] = {}
    heading = ""
    for first, *_ in rows(section(THE_ROTATION, "The phases")):
        heading = first.strip("*") if first.startswith("**") else heading
        if first.startswith("`"):
            told[first.strip("`")] = heading
    assert told == {phase.value: phase.heading for phase in Phase}


def test_what_the_calendar_binds_is_told_as_it_is() -> None:
    bound = section(THE_ROTATION, "What holds it").partition(".")[0]
    assert {phase for phase in Phase if re.search(rf"\b{phase}\b", bound)} == _RESTARTS_OR_INVALIDATES


@pytest.mark.parametrize("words", [Evidence, Death], ids=lambda words: words.__name__)
def test_evidence_and_death_are_explained(words: type[Evidence | Death]) -> None:
    named = {cells[0].strip("`") for cells in rows(section(THE_ROTATION, "How it is known"))}
    assert {str(word) for word in words} <= named


def test_the_chart_of_two_lives_leaves_no_gap() -> None:
    (chart,) = blocks(THE_ROTATION, "mermaid")
    lives: dict[str, list[tuple[str, str]]] = {}
    for line in chart.text.splitlines():
        if line.strip().startswith("section"):
            lives[line.strip()] = []
        elif bar := re.fullmatch(r" +[\w, ]+?: ?(?:\w+, )?(\d\d:\d\d), (\d\d:\d\d)", line):
            list(lives.values())[-1].append((bar[1], bar[2]))
    assert len(lives) == 3
    for bars in lives.values():
        assert [ends for _, ends in bars[:-1]] == [begins for begins, _ in bars[1:]]
        assert all(begins < ends for begins, ends in bars)
    old, new, consumers = lives.values()
    assert new[1][0] < consumers[1][0] < old[0][1] == consumers[1][1], (
        "accepted before it is shown, and after"
    )


def test_the_index_of_alerts_says_what_their_pages_say() -> None:
    index = dict(re.findall(r"^- \[(\w+)\]\(\1\.md\): (.+)$", text_of(ALERTS / "README.md"), re.MULTILINE))
    titles = {kind: text_of(ALERTS / f"{kind}.md").partition("\n")[0] for kind in AlertKind}
    assert titles == {kind: f"# {kind}: {_small(title)}" for kind, title in index.items()}


def _small(title: str) -> str:
    return title if title.startswith("rotator") else title[:1].lower() + title[1:]


def test_every_reason_to_park_or_to_go_back_has_a_row() -> None:
    waits = {Reason(word) for word in list(Reason)[: list(Reason).index(Reason.NOT_ACCEPTED)]}
    named = set(re.findall(r"`(\w+)`", text_of(ALERTS / "parked.md") + text_of(ALERTS / "undone.md")))
    assert {str(reason) for reason in set(Reason) - waits} <= named


def test_the_reference_of_the_command_line_has_every_verb_and_every_option() -> None:
    page = text_of(DOCS / "reference" / "command-line.md")
    verbs = dict(_verbs("rotator", typer.main.get_command(app)))
    assert len(verbs) > 15
    assert not [verb for verb in verbs if not re.search(rf"`{verb}\b", page)]
    assert not [
        f"{verb} {option.opts}"
        for verb, command in verbs.items()
        for option in command.params
        if option.opts[0].startswith("-") and not any(re.search(rf"{name}\b", page) for name in option.opts)
    ]


def _verbs(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    """Every verb as it is typed, and what parses it."""
    if not hasattr(command, "commands"):
        yield name, command
    for word, verb in getattr(command, "commands", {}).items():
        yield from _verbs(f"{name} {word}", verb)


def test_exit_codes_and_states_are_all_explained() -> None:
    codes = {cells[0] for cells in rows(text_of(DOCS / "reference" / "exit-codes.md"))}
    assert {str(int(code)) for code in Code} <= codes
    states = section(DOCS / "reference" / "command-line.md", "States")
    assert not [word for word in Word if word not in states]
