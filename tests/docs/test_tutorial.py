"""The first tutorial, typed as it stands: each block in order, and what the page shows is what comes."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, Piece, blocks
from tests.docs.terminal import Terminal

PAGE = ROOT / "docs" / "tutorial" / "first-rotation.md"
#: What a page says comes "within ten seconds" or "half a minute later"; on a busy machine it takes longer.
_PATIENCE = 90.0


@contextmanager
def world(home: Path) -> Iterator[Path]:
    """The first terminal: what it says, in a file."""
    first = next(blocks(PAGE, "sh")).text.replace(".venv/bin/python", sys.executable)
    said = home / "first-terminal.log"
    command = [str(home / word.removeprefix("~/")) if "~" in word else word for word in first.split()]
    with (
        said.open("wb") as output,
        subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output) as running,
    ):
        try:
            wait_for(said, "It is up")
            yield said
        finally:
            running.terminate()


def wait_for(file: Path, words: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while words not in file.read_text():
        assert time.monotonic() < deadline, file.read_text()
        time.sleep(0.1)


def shown(block: Piece) -> list[str]:
    """What the page shows below the block that does not change from day to day: states, else its last words."""
    following = [one for one in blocks(PAGE, "sh", "text") if one.line > block.line][:1]
    if not following or following[0].language != "text":
        return []
    states = re.findall(r"\b[A-Z]{5,}\b", following[0].text)
    return states or [re.split(r"  +", following[0].text.splitlines()[-1])[-1]]


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_first_rotation_goes_as_its_page_says(tmp_path: Path) -> None:
    with world(tmp_path) as first_terminal:
        terminal = Terminal(tmp_path)
        try:
            for block in list(blocks(PAGE, "sh"))[1:]:
                deadline, said = time.monotonic() + _PATIENCE, terminal.type(block.text)
                while missing := [words for words in shown(block) if words not in said]:
                    assert time.monotonic() < deadline, f"{block.place}: {missing} is not in: {said}"
                    time.sleep(0.5)
                    said = terminal.type(block.text)
        finally:
            terminal.close()
        wait_for(first_terminal, " 0 refused")
        assert re.findall(r"([1-9]\d*) refused", first_terminal.read_text()) == []
