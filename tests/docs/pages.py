"""The pages that people read, taken apart: their headings, links, inline code and fenced blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

_FENCE = re.compile(r"^```([\w-]*)[ ]*(.*?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_LINK = re.compile(r"(?<!!)\[[^\]\n]+\]\(([^)\s]+)\)")


class Piece(NamedTuple):
    """Something that a page says, and where."""

    page: Path
    line: int
    text: str
    language: str = ""
    mark: str = ""  # what stands behind the language of a fenced block

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@cache
def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(page: Path, *languages: str) -> Iterator[Piece]:
    """Fenced blocks in these languages."""
    for found in _FENCE.finditer(text_of(page)):
        language, mark, text = found.groups()
        if language in languages:
            yield Piece(page, _line(page, found.start()) + 1, text, language, mark)


def inline(page: Path) -> Iterator[Piece]:
    """Inline code outside fenced blocks."""
    prose = _prose(page)
    yield from (Piece(page, _line(page, found.start()), found[1]) for found in _INLINE.finditer(prose))


def links(page: Path) -> Iterator[Piece]:
    """Where links lead, outside fenced blocks."""
    prose = _prose(page)
    yield from (Piece(page, _line(page, found.start()), found[1]) for found in _LINK.finditer(prose))


def anchors(page: Path) -> set[str]:
    """What can stand behind the # of a link to the page, as GitHub makes it of headings."""
    headings = re.findall(r"^#+ (.+)$", _prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _prose(page: Path) -> str:
    """The page with its fenced blocks blanked out, every line in its place."""
    return _FENCE.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text_of(page))


def _line(page: Path, offset: int) -> int:
    return text_of(page).count("\n", 0, offset) + 1
