"""docs/how-to/upgrade.md: its backup, typed as it stands with the journal in use, and what comes of it."""

from __future__ import annotations

import gzip
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from rotator.contracts.journal import Journal
from rotator.journal import open_journal
from tests.docs.pages import ROOT, blocks

#: It runs what follows `--` here, and hands on so much of what that says as `CUT` lets through.
KUBECTL = """#!/bin/bash
[[ "$*" == "-n rotator exec -i deployment/rotator -- python -" ]] || exit 64
"$PYTHON" - | head --bytes="${CUT:--0}"
exit "${PIPESTATUS[0]}"
"""


pytestmark = pytest.mark.slow  # each types the page into a shell


class Pod:
    """rotator's disk, and a person's folder beside it."""

    def __init__(self, tmp_path: Path) -> None:
        self.disk, self.home, tools = (tmp_path / name for name in ("disk", "home", "tools"))
        for folder in (self.disk, self.home, tools):
            folder.mkdir()
        (tools / "kubectl").write_text(KUBECTL)
        (tools / "kubectl").chmod(0o700)
        self.journal = self.disk / "journal.sqlite"
        self.copy = self.home / "journal-before-upgrade.sqlite.gz"
        self._path = f"{tools}:{os.environ['PATH']}"

    def back_up(self, **environment: str) -> subprocess.CompletedProcess[str]:
        """Types the page's first block; /var/lib/rotator is the disk."""
        typed = next(blocks(ROOT / "docs" / "how-to" / "upgrade.md", "sh")).text
        return subprocess.run(
            ["bash", "--norc", "-c", typed.replace("/var/lib/rotator", str(self.disk))],
            cwd=self.home,
            env={"PATH": self._path, "PYTHON": sys.executable, **environment},
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )

    def left(self) -> set[str]:
        """What is on the disk beside the journal's own files."""
        return {one.name for one in self.disk.iterdir() if not one.name.startswith("journal.sqlite")}


@pytest.fixture
def pod(tmp_path: Path) -> Pod:
    return Pod(tmp_path)


@pytest.fixture
def journal(pod: Pod) -> Iterator[Journal]:
    """A daemon's; its newest rows are not in the file itself."""
    with closing(open_journal(f"sqlite:///{pod.journal}", daemon=True)) as journal:
        yield journal


def test_a_backup_of_a_journal_in_use_is_a_journal_and_leaves_nothing_behind(
    pod: Pod, journal: Journal, tmp_path: Path
) -> None:
    done = pod.back_up()
    assert (done.returncode, done.stdout, done.stderr) == (0, "backed up\n", "")
    assert pod.left() == set()
    assert [one.name for one in pod.home.iterdir()] == [pod.copy.name]
    restored = tmp_path / "restored.sqlite"
    restored.write_bytes(gzip.decompress(pod.copy.read_bytes()))
    with closing(open_journal(f"sqlite:///{restored}", daemon=True)) as other:
        assert other.installation() == journal.installation()


def test_no_backup_where_the_disk_has_no_room_for_it(pod: Pod, journal: Journal) -> None:
    free = shutil.disk_usage(pod.disk).free
    os.truncate(pod.journal, free // 2 + (1 << 30))  # says that it is so long, and takes no room for it
    done = pod.back_up()
    assert (done.returncode, done.stdout) == (1, "")
    assert "enlarge its disk first" in done.stderr
    assert not pod.copy.exists() and pod.left() == set()


def test_no_backup_of_a_journal_that_is_damaged(pod: Pod) -> None:
    with closing(sqlite3.connect(pod.journal)) as file:
        file.execute("CREATE TABLE rotation (id TEXT PRIMARY KEY, told TEXT)")
        file.executemany("INSERT INTO rotation VALUES (?, ?)", [(f"r{n}", "x" * 400) for n in range(200)])
        file.commit()
    whole = pod.journal.read_bytes()
    pod.journal.write_bytes(whole.replace(b"r100", b"q100", 1))  # in the table or in its index, not in both
    done = pod.back_up()
    assert (done.returncode, done.stdout) == (1, "")
    assert "the journal is damaged" in done.stderr
    assert not pod.copy.exists() and pod.left() == set()


def test_no_backup_where_there_is_no_journal(pod: Pod) -> None:
    done = pod.back_up()
    assert (done.returncode, done.stdout) == (1, "")
    assert not pod.copy.exists() and pod.left() == set()


def test_what_came_in_part_is_no_backup(pod: Pod, journal: Journal) -> None:
    done = pod.back_up(CUT="1000")
    assert (done.returncode != 0, done.stdout) == (True, "")
    assert "unexpected end of file" in done.stderr
    assert not pod.copy.exists() and pod.left() == set()
