"""The reference pages name every verb, every option and every exit code; the README every verb."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rotator.cli.codes import Code
from rotator.cli.main import command

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "command-line.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def verbs() -> Iterator[tuple[str, Any]]:
    """Every verb as it is typed, with its command."""
    waiting = [("rotator", command())]
    while waiting:
        name, here = waiting.pop()
        below = getattr(here, "commands", {})
        waiting += [(f"{name} {verb}", one) for verb, one in below.items()]
        if not below:
            yield name, here


def test_every_verb_is_in_the_reference_and_in_the_readme() -> None:
    names = [name for name, _ in verbs()]
    assert len(names) > 15
    assert [name for name in names if name not in PAGE] == []
    words = [name.removeprefix("rotator ") for name in names]
    assert [verb for verb in words if not re.search(rf"`(rotator )?{verb}\b", README)] == []


def test_every_option_is_in_the_reference() -> None:
    named = set(re.findall(r"(?<![\w-])-{1,2}[a-z][a-z-]*", PAGE))
    options = {
        name
        for _, verb in verbs()
        for one in verb.params
        if one.param_type_name == "option"
        for name in one.opts
    }
    assert options - named == set()


def test_every_exit_code_is_in_its_reference() -> None:
    page = (ROOT / "docs" / "reference" / "exit-codes.md").read_text(encoding="utf-8")
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)} == {
        int(code) for code in Code
    }
