"""Daemons under test come from one process: each is of its own, and what became of it is heard."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.forks import Forks
from tests.crash.orders import Mailbox
from tests.crash.people import process_shown

ROOT = Path(__file__).parents[2]
#: Says which modules it has before it does anything, and ends when a file says with which code.
PROGRAM = """
import os, sys, time
from pathlib import Path
from tests.crash.forks import forked
from tests.crash.orders import Mailbox

folder = Path(os.environ["FOLDER"])
forked(int(sys.argv[1]), Mailbox(folder))
(folder / "born").write_text(f"{os.getpid()} {'colorsys' in sys.modules}")
while not (folder / "code").exists():
    time.sleep(0.01)
sys.exit(int((folder / "code").read_text()))
"""


@pytest.fixture
def forks(tmp_path: Path) -> Iterator[Forks]:
    (tmp_path / "program.py").write_text(PROGRAM)
    environment = {"FOLDER": str(tmp_path), "PYTHONPATH": f"{ROOT}:{tmp_path}"}
    made = Forks("program", tmp_path / "log", environment)
    yield made
    made.close()


def born(folder: Path, pid: int) -> str:
    """What the fork with that id said."""
    deadline = time.monotonic() + 100
    while time.monotonic() < deadline:
        said = (folder / "born").read_text().split() if (folder / "born").exists() else []
        if said and said[0] == str(pid):
            return said[1]
        time.sleep(0.01)
    raise TimeoutError


def test_each_is_a_process_of_its_own_and_its_end_is_heard(forks: Forks, tmp_path: Path) -> None:
    first, second = forks.fork(), forks.fork()
    assert len({first.pid, second.pid, os.getpid()}) == 3
    assert first.kill() == -signal.SIGKILL
    assert second.running
    (tmp_path / "code").write_text("5")
    assert (second.wait(100), first.exit_code) == (5, -signal.SIGKILL)


def test_others_see_of_it_what_they_see_of_one_that_was_started_by_itself(
    forks: Forks, tmp_path: Path
) -> None:
    daemon = forks.fork()
    born(tmp_path, daemon.pid)
    shown = b"".join(process_shown(daemon))
    assert b"program" in shown
    assert str(tmp_path).encode() in shown


def test_what_one_has_loaded_the_next_one_has_from_the_start(forks: Forks, tmp_path: Path) -> None:
    assert born(tmp_path, forks.fork().pid) == "False"
    Mailbox(tmp_path).imported(["no.such.module", "colorsys"])
    assert born(tmp_path, forks.fork().pid) == "True"


def test_an_id_that_the_system_gives_again_is_not_taken_for_the_dead_one(forks: Forks) -> None:
    daemon = forks.fork()
    soon = range(daemon.pid, daemon.pid + 2**16)  # and after the highest the lowest
    forks.ended |= dict.fromkeys((*range(2**16), *soon), -signal.SIGKILL)
    assert daemon.exit_code == -signal.SIGKILL, "so it would look"
    assert forks.fork().running


def test_all_of_them_end_with_the_one_that_forked_them(forks: Forks, tmp_path: Path) -> None:
    daemon = forks.fork()
    born(tmp_path, daemon.pid)
    forks.close()
    deadline = time.monotonic() + 100
    while Path(f"/proc/{daemon.pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not Path(f"/proc/{daemon.pid}").exists()
