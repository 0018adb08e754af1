"""The command line beside a journal."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from tests.cli.beside import Beside


@pytest.fixture
def rotator(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Beside:
    """Nothing has happened yet."""
    return Beside(tmp_path, capsys, monkeypatch)


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an installation whose story was told once: making a journal takes longer than copying it."""
    folder = tmp_path_factory.mktemp("told")
    with pytest.MonkeyPatch.context() as monkeypatch:
        Beside(folder, None, monkeypatch).tell_the_story()
    return folder


@pytest.fixture
def story(rotator: Beside, told: Path) -> Beside:
    """Secrets in every way to stand."""
    shutil.copytree(told, rotator.folder, dirs_exist_ok=True)
    rotator.scanned_ago(timedelta(minutes=2))
    return rotator
