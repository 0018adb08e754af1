"""Children of the sandbox: ready or a clear word, ended in time, and never left behind."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rotator.sandbox.processes import Child, NotReady
from tests.sandbox.parents import has_ended, parent_process

FOREVER = "import time; time.sleep(600)"


@pytest.fixture
def children() -> Iterator[list[Child]]:
    started: list[Child] = []
    yield started
    for child in started:
        child.kill()


def python(children: list[Child], folder: Path, code: str) -> Child:
    child = Child("a test's child", [sys.executable, "-c", code], log=folder / "child.log")
    children.append(child)
    return child


def test_a_child_that_ends_early_is_reported_with_its_exit_code_and_its_last_words(
    tmp_path: Path, children: list[Child]
) -> None:
    child = python(children, tmp_path, "import sys; print('cannot find my socks'); sys.exit(3)")
    with pytest.raises(NotReady, match=r"(?s)a test's child ended with exit code 3.*cannot find my socks"):
        child.wait_until(lambda: False, within=30)


def test_a_child_that_is_not_ready_in_time_is_reported(tmp_path: Path, children: list[Child]) -> None:
    child = python(children, tmp_path, FOREVER)
    with pytest.raises(NotReady, match=r"was not ready within 0.1 s"):
        child.wait_until(lambda: False, within=0.1)


def test_a_command_that_does_not_exist_says_so(tmp_path: Path, children: list[Child]) -> None:
    child = Child("nothing", [tmp_path / "nowhere"], log=tmp_path / "child.log")
    children.append(child)
    with pytest.raises(NotReady, match=r"cannot run .*nowhere: No such file"):
        child.wait_until(lambda: False, within=30)


def test_stop_kills_a_child_that_does_not_listen(tmp_path: Path, children: list[Child]) -> None:
    ready = tmp_path / "ready"
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    child = python(children, tmp_path, f"{deaf}; open({str(ready)!r}, 'w'); {FOREVER}")
    child.wait_until(ready.exists, within=30)
    assert child.stop(within=0.2) == -signal.SIGKILL
    assert not child.running
    assert child.stop() == -signal.SIGKILL, "stopping twice is stopping once"


def test_a_child_outlives_the_thread_that_started_it(tmp_path: Path, children: list[Child]) -> None:
    ready = tmp_path / "ready"

    def start_and_go() -> None:
        child = python(children, tmp_path, f"open({str(ready)!r}, 'w'); {FOREVER}")
        child.wait_until(ready.exists, within=30)

    starter = threading.Thread(target=start_and_go)
    starter.start()
    starter.join()
    assert not has_ended(os.pidfd_open(children[0].pid), within=0.5)


def test_a_child_does_not_hear_the_ctrl_c_of_our_terminal(tmp_path: Path, children: list[Child]) -> None:
    child = python(children, tmp_path, FOREVER)
    assert os.getsid(child.pid) == child.pid


def test_a_child_has_the_environment_and_the_folder_it_was_given(
    tmp_path: Path, children: list[Child]
) -> None:
    child = Child(
        "a test's child",
        [sys.executable, "-c", "import os; print(os.environ['GREETING'], os.getcwd(), os.getppid())"],
        log=tmp_path / "child.log",
        environment={"GREETING": "hello"},
        folder=tmp_path,
    )
    children.append(child)
    assert child.wait(within=30) == 0
    assert child.log.read_text().split() == ["hello", str(tmp_path), str(os.getpid())]


def test_a_child_dies_when_its_parent_is_killed(tmp_path: Path) -> None:
    parent = parent_process(
        f"""

        from rotator.sandbox.processes import Child
        child = Child("child", [sys.executable, "-c", {FOREVER!r}], log=Path({str(tmp_path)!r}, "child.log"))
        print(child.pid, flush=True)
        time.sleep(600)
        """
    )
    with parent:
        assert parent.stdout is not None
        child = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
    assert has_ended(child, within=60)


def test_a_child_ends_when_its_parent_ends_without_stopping_it(tmp_path: Path) -> None:
    parent = parent_process(
        f"""

        from rotator.sandbox.processes import Child
        child = Child("child", [sys.executable, "-c", {FOREVER!r}], log=Path({str(tmp_path)!r}, "child.log"))
        print(child.pid, flush=True)
        sys.stdin.readline()
        """
    )
    assert parent.stdout is not None
    child = os.pidfd_open(int(parent.stdout.readline()))
    parent.communicate("go\n", timeout=30)
    assert parent.returncode == 0
    assert has_ended(child, within=60)
