"""The commands of `rotator` that pages show, as words: what is typed, without what a shell makes of the rest."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.docs.pages import Piece, blocks, inline

#: What ends a command for a shell. Redirections are words of their own: `2> rotator.log`.
_ENDS = {"|", "||", "&&", ";", "&"}
_REDIRECTION = re.compile(r"\d*(?:>>?|<)")
_ASSIGNMENT = re.compile(r"[A-Z_]+=\S*")
#: `kubectl … exec … -- rotator …`, also with a name for the record: `-- env LOGNAME="$USER" rotator …`
_INSIDE = re.compile(r".*? -- (?:env \S+ )?(?=rotator )")


class Command(NamedTuple):
    """One command, and where it stands."""

    place: str
    words: tuple[str, ...]  # behind `rotator`
    exact: bool  # to be typed as it stands; else part of a sentence, where it may be cut short


def commands(page: Path) -> Iterator[Command]:
    """Every command of `rotator` on the page."""
    for block in blocks(page, "sh", "console"):
        yield from _typed(block)
    for code in inline(page):
        if code.text.startswith("rotator "):
            yield Command(code.place, tuple(_said(code.text).split()[1:]), exact=False)


def _typed(block: Piece) -> Iterator[Command]:
    """A block's commands, with the values that it gives to variables."""
    known: dict[str, str] = {}
    text = block.text.replace("\\\n", " ")
    for number, line in enumerate(text.splitlines(), block.line):
        typed = line.removeprefix("$ ") if block.language == "sh" or line.startswith("$ ") else ""
        typed = _INSIDE.sub("", typed, count=1)
        for name, value in known.items():
            typed = typed.replace(f"${name}", value)
        words = shlex.split(typed, comments=True)
        if words and all(_ASSIGNMENT.fullmatch(word) for word in words):
            known.update((name, value) for name, _, value in (word.partition("=") for word in words))
        elif words[:1] == ["rotator"]:
            place = f"{block.page.name}:{number}"
            yield Command(place, tuple(_until_the_end(words[1:])), exact=True)


def _until_the_end(words: list[str]) -> Iterator[str]:
    for word in words:
        if word in _ENDS or _REDIRECTION.fullmatch(word):
            return
        yield word


def _said(text: str) -> str:
    """A command as sentences and tables have it: `[--env E]` may be left out, `A\\|B` is one of two."""
    text = re.sub(r"\\\|\S+", "", text.replace(" \\| ", " "))
    return re.sub(r'"[^"]*"', "…", text.replace("[", "").replace("]", ""))
