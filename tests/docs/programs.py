"""The commands of other programs that pages show: what a shell would start, in words, with what it would fill in."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import NamedTuple

from tests.docs.pages import PAGES, Piece, blocks, inline

_ASSIGNMENT = re.compile(r"\w+=.*")
#: What a shell fills in, within a word; `$(` is taken apart, for what it starts is a command, too.
_NESTED = re.compile(r'"\$\(([^()"]*)\)"')


class Started(NamedTuple):
    """One command: where it stands, and its words behind the program's name."""

    place: str
    words: tuple[str, ...]
    exact: bool  # to be typed as it stands; else part of a sentence, where it may be cut short

    def __str__(self) -> str:
        return f"{self.place} {' '.join(self.words)}"


def started(program: str) -> list[Started]:
    """Every command of the program, on every page."""
    shown = [block for page in PAGES for block in blocks(page, "sh", "console")]
    said = [code for page in PAGES for code in inline(page) if code.text.startswith(f"{program} ")]
    return [
        Started(piece.place, words, bool(piece.language))
        for piece in (*shown, *said)
        for words in _in(piece, program)
    ]


def _in(piece: Piece, program: str) -> Iterator[tuple[str, ...]]:
    for line in piece.text.replace("\\\n", " ").splitlines():
        if re.search(rf"\b{program} ", line) and not line.startswith(("alias ", "#")):
            for words in _commands(_NESTED.sub(r"nested ; \1", line)):
                if words[:1] == [program] and len(words) > 1:
                    yield tuple(words[1:])


def _commands(line: str) -> Iterator[list[str]]:
    """The line as a shell takes it apart: at pipes, brackets and the like; redirections belong to nobody."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="();|&<>")
    lexer.whitespace_split = True
    words: list[str] = []
    for word in lexer:
        if set(word) <= set("();|&<>"):
            yield words
            words = []
        elif words or not (_ASSIGNMENT.fullmatch(word) or word == "$"):
            words.append(word)
    yield words
