"""The redeployer by a program keeps the promises of the contract, and what is dangerous about running one."""

from __future__ import annotations

import os
import signal
import sys
import time
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rotator.clock import SystemClock
from rotator.contracts.clock import Clock
from rotator.contracts.redeployer import RolloutProgress
from rotator.model.errors import GaveUp, Refused, Transient
from rotator.model.policy import Deployment
from rotator.redeployers.command import Command
from rotator.redeployers.own_words import LARGEST
from rotator.sandbox.platforms import deploy_program
from rotator.sandbox.platforms.deploy_service import DeployService
from rotator.sandbox.platforms.front import Front
from rotator.testing.redeployer_contract import LABEL, RedeployerContract
from rotator.testing.surroundings import surroundings
from rotator.testing.values import fresh_value, raises_silently
from tests.redeployers.played_world import PlayedWorld

#: `make test` runs them: `make check` is for what the engine and the first sources rest on.
pytestmark = pytest.mark.slow


class ProgramWorld(PlayedWorld):
    def __init__(self, program: Path) -> None:
        super().__init__()
        self.service = DeployService(self.clock, None, "/api", self.platform)
        self.front = Front(self.service)
        self.program = program

    def redeployer(self, path: str = "/api") -> Command:
        arguments = [self.front.address.rpartition(":")[2], path]
        return command(self.program, self.workload, arguments=arguments)

    def redeployer_of_nothing(self) -> Command:
        return self.redeployer("/nothing")

    def someone_else_rolls(self) -> None:
        self.platform.roll("somebody-else")


def command(
    program: Path, workload: str = "staging/api", clock: Clock | None = None, **settings: object
) -> Command:
    deployment = Deployment(id=workload, kind="command", target=str(program), settings=settings)
    return Command(deployment, surroundings(commands=(str(program),), clock=clock or SystemClock()))


class OnceWritten(SystemClock):
    """An hour after its first word once a line stands in a file: however slowly a program begins, it has begun then."""

    def __init__(self, file: Path) -> None:
        self._file, self._began = file, False

    def monotonic(self) -> float:
        began, self._began = self._began, True
        written = began and self._file.exists() and self._file.read_text().endswith("\n")
        return super().monotonic() + (3600 if written else 0)


def script(folder: Path, text: str) -> Path:
    """A program of one line of shell."""
    program = folder / "program"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    return program


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ProgramWorld]:
    program = tmp_path / "deploy"
    program.write_text(f"#!{sys.executable} -IS\n{Path(deploy_program.__file__).read_text()}")
    program.chmod(0o755)
    world = ProgramWorld(program)
    with world.front:
        yield world


@pytest.mark.slow
class TestCommand(RedeployerContract):
    @pytest.fixture
    def world(self, world: ProgramWorld) -> ProgramWorld:
        return world


@pytest.mark.parametrize("allowed", [[], ["/bin/other"], ["/bin"], ["/bin/*"]])
def test_it_is_off_unless_settings_name_the_program(allowed: list[str]) -> None:
    deployment = Deployment(
        id="a/b", kind="command", target="/bin/sh", settings={"arguments": ["-c", "true"]}
    )
    with pytest.raises(Refused, match="ROTATOR_COMMANDS"):
        Command(deployment, surroundings(commands=tuple(allowed)))
    with pytest.raises(Refused, match="ROTATOR_COMMANDS"):
        Command(deployment, surroundings())


def test_a_program_is_named_by_its_full_path() -> None:
    with pytest.raises(Refused, match="full paths"):
        Command(Deployment(id="a/b", kind="command", target="sh"), surroundings(commands=("sh",)))


def test_no_shell_reads_the_arguments(tmp_path: Path) -> None:
    spy = script(tmp_path, f'printf "%s\\n" "$@" > {tmp_path}/said')
    arguments = ["a b", "$(touch pwned)", ";", "*"]
    command(spy, arguments=arguments).redeploy(LABEL)
    assert (tmp_path / "said").read_text().splitlines() == [*arguments, "start", LABEL]


def test_the_environment_holds_nothing_of_rotators(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROTATOR_SLACK_TOKEN", "made-up")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up")
    monkeypatch.setenv("KUBECONFIG", "/etc/kubeconfig")
    spy = script(tmp_path, f"env > {tmp_path}/said")
    command(spy, environment=["KUBECONFIG"]).redeploy(LABEL)
    said = (tmp_path / "said").read_text()
    assert "made-up" not in said
    assert "KUBECONFIG=/etc/kubeconfig" in said
    with pytest.raises(Refused, match="environment"):
        command(spy, environment=["ROTATOR_SLACK_TOKEN"])


@pytest.mark.parametrize(
    "ending,kind", [("exit 1", Transient), ("exit 127", Transient), ("kill -9 $$", Transient), ("exit 75", Transient),
                    ("exit 5", Refused)]
)  # fmt: skip
def test_only_a_declared_exit_code_is_a_verdict(
    ending: str, kind: type[Transient | Refused], tmp_path: Path
) -> None:
    program = script(tmp_path, ending)
    with pytest.raises(kind):
        command(program).redeploy(LABEL)
    with pytest.raises(kind):
        command(program).progress(LABEL)


def test_what_it_writes_is_never_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    value = fresh_value()
    loud = script(tmp_path, f"echo {value.reveal()}; echo {value.reveal()} >&2; exit $CODE")
    for code, kind in (("0", Transient), ("1", Transient), ("5", Refused)):
        monkeypatch.setenv("CODE", code)
        with raises_silently(kind, value):
            command(loud, environment=["CODE"]).progress(LABEL)


def test_an_output_that_is_too_long_is_no_verdict(tmp_path: Path) -> None:
    with pytest.raises(Transient, match="more than"):
        command(script(tmp_path, "head -c 300000 /dev/zero")).progress(LABEL)


def test_one_that_does_not_end_is_ended_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rotator.redeployers.command.CALL_SECONDS", 60.0)
    child = tmp_path / "child"
    stuck = script(tmp_path, f"sleep 600 & echo $! > {child}; echo begun; wait")
    with pytest.raises(GaveUp, match="did not end within"):
        command(stuck, clock=OnceWritten(child)).redeploy(LABEL)
    deadline = time.monotonic() + 60
    while _runs(int(child.read_text())):  # it was told; the kernel may take a moment
        assert time.monotonic() < deadline


def test_what_left_its_session_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rotator.redeployers.command.CALL_SECONDS", 60.0)
    child = tmp_path / "child"
    lives_on = f"echo $$ > {child}; echo begun; exec sleep 600"
    stuck = script(tmp_path, f"setsid sh -c '{lives_on}' & exec sleep 600")
    with pytest.raises(GaveUp, match="did not end within"):
        command(stuck, clock=OnceWritten(child)).redeploy(LABEL)
    assert _runs(int(child.read_text()))
    os.kill(int(child.read_text()), signal.SIGKILL)


def test_who_writes_without_end_takes_time_and_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rotator.redeployers.command.CALL_SECONDS", 1.5)
    endless = command(script(tmp_path, "exec cat /dev/zero"))
    tracemalloc.start()
    with pytest.raises(GaveUp, match="did not end within"):
        endless.progress(LABEL)
    _now, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 4 * LARGEST


def test_a_program_that_is_not_there_is_no_verdict(tmp_path: Path) -> None:
    with pytest.raises(Transient, match="cannot be run"):
        command(tmp_path / "nothing").redeploy(LABEL)


@pytest.mark.parametrize("label", ["", "-x", "--force", "a b", "a/b"])
def test_a_label_is_never_an_option(label: str, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="label"):
        command(script(tmp_path, "exit 0")).redeploy(label)


def test_an_approval_is_told(tmp_path: Path) -> None:
    said = '{"progress": "pending", "why": "approval", "left": 2, "wanted": 2}'
    rollout = command(script(tmp_path, f"echo '{said}'")).progress(LABEL)
    assert rollout.progress is RolloutProgress.PENDING
    assert rollout.sentence == (
        "staging/api: waits for somebody's approval; 0 of 2 instances are new; 2 instances from before live"
    )


def test_starts_are_of_then_and_later(tmp_path: Path) -> None:
    said = (
        '[{"role": "app", "at": "2026-11-24T10:00:00Z"}, {"role": "app", "at": "2026-11-24T12:00:00+01:00"}]'
    )
    since = datetime(2026, 11, 24, 10, 30, tzinfo=UTC)
    starts = list(command(script(tmp_path, f"echo '{said}'")).starts(since))
    assert len(starts) == 1


def _runs(pid: int) -> bool:
    """Whether the process is more than a name in the table."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
