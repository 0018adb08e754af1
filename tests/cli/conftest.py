"""The command line beside a journal."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.beside import Beside


@pytest.fixture
def rotator(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Beside:
    """Nothing has happened yet."""
    return Beside(tmp_path, capsys, monkeypatch)


@pytest.fixture
def story(rotator: Beside) -> Beside:
    """Secrets in every way to stand."""
    rotator.tell_the_story()
    return rotator
