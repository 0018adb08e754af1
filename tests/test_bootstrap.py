"""`.ci/bootstrap` on machines where something is missing: one plain sentence, and the command that helps."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

BOOTSTRAP = Path(__file__).parent.parent / ".ci" / "bootstrap"
NEEDS_FROM_THE_SYSTEM = ("awk", "dirname", "sh", "mkdir", "cp")

# Answers what the script asks of a Python: its version, its venv module, a new environment, and pip.
PYTHON = """#!/bin/sh
case "$*" in
*sys.version_info*) printf '{version}' ;;
*'import ensurepip, venv'*) exit {venv_status} ;;
*'import pip'*) exit 0 ;;
'-m venv --clear '*) mkdir -p "$4/bin" && cp "$0" "$4/bin/python" ;;
'-m pip install '*) echo "pip PIP_USER=$PIP_USER $*" >>"$LOG"; [ {pip_status} = 0 ] || echo 'no route to index' >&2; exit {pip_status} ;;
esac
"""  # noqa: E501 - one case, one line


@dataclass
class Machine:
    """A machine whose every answer is set by the test; it has no command but those."""

    root: Path
    commands: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.has("uname", 'case "$1" in -m) echo x86_64 ;; *) echo Linux ;; esac')
        self.has("getconf", "echo glibc 2.36")
        self.has(
            "df",
            "printf 'Filesystem 1024-blocks Used Available Capacity Mounted\\n/dev/x 9 1 5000000 1%% /\\n'",
        )
        self.has("id", "echo 1000")

    def has(self, command: str, script: str) -> None:
        self.commands[command] = script if script.startswith("#!") else f"#!/bin/sh\n{script}\n"

    def has_python(
        self, version: str, *, command: str = "python3", venv: bool = True, pip: bool = True
    ) -> None:
        self.has(
            command,
            PYTHON.replace("{version}", version)
            .replace("{venv_status}", "0" if venv else "1")
            .replace("{pip_status}", "0" if pip else "1"),
        )

    def bootstrap(self) -> subprocess.CompletedProcess[str]:
        bin_dir = self.root / "bin"
        bin_dir.mkdir(exist_ok=True)
        for name, script in self.commands.items():
            (bin_dir / name).write_text(script)
            (bin_dir / name).chmod(0o755)
        for name in NEEDS_FROM_THE_SYSTEM:
            real = shutil.which(name)
            assert real, name
            (bin_dir / name).unlink(missing_ok=True)
            (bin_dir / name).symlink_to(real)
        environment = {"PATH": str(bin_dir), "LOG": str(self.log), "GOAL": "test", **self.environment}
        return subprocess.run(
            ["/bin/sh", BOOTSTRAP, self.root / "venv"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )

    @property
    def log(self) -> Path:
        return self.root / "log"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def assert_stopped(result: subprocess.CompletedProcess[str], sentence: str, command: str) -> None:
    assert result.returncode == 1
    lines = [line.strip() for line in result.stderr.splitlines() if line.strip()]
    assert lines[-2:] == [sentence, f"Try:  {command}"], result.stderr


def test_no_python_at_all(machine: Machine) -> None:
    machine.has("apt-cache", '[ "$2" = python3.11 ]')
    machine.has("apt-get", "")
    assert_stopped(
        machine.bootstrap(),
        "rotator needs Python 3.11 or newer; python3 here is missing.",
        "sudo apt-get install python3.11 python3.11-venv",
    )


def test_a_python_that_is_too_old(machine: Machine) -> None:
    machine.has_python("3.9")
    machine.has("dnf", "")
    assert_stopped(
        machine.bootstrap(),
        "rotator needs Python 3.11 or newer; python3 here is 3.9.",
        "sudo dnf install python3.12",
    )


def test_a_debian_whose_lists_are_empty(machine: Machine) -> None:
    machine.has("apt-get", "")
    machine.has("apt-cache", "exit 100")
    machine.has("id", "echo 0")
    assert_stopped(
        machine.bootstrap(),
        "rotator needs Python 3.11 or newer; python3 here is missing.",
        "apt-get update && apt-get install python3 python3-venv",
    )


def test_a_python_without_venv(machine: Machine) -> None:
    machine.has_python("3.11", venv=False)
    machine.has("apt-get", "")
    assert_stopped(
        machine.bootstrap(),
        "Python 3.11 is here, but without its venv module.",
        "sudo apt-get install python3.11-venv",
    )


def test_a_musl_system(machine: Machine) -> None:
    machine.has_python("3.12")
    machine.has("getconf", "exit 1")
    assert_stopped(
        machine.bootstrap(),
        "This system does not run on glibc (on Alpine's musl, perhaps); the PostgreSQL of the sandbox needs it.",
        'docker run --rm -it -v "$PWD":/rotator -w /rotator python:3.13 make test',
    )


def test_a_glibc_that_is_too_old(machine: Machine) -> None:
    machine.has_python("3.12")
    machine.has("getconf", "echo glibc 2.17")
    result = machine.bootstrap()
    assert result.returncode == 1
    assert "This system has glibc 2.17; 2.28 is the oldest that works" in result.stderr


def test_another_architecture(machine: Machine) -> None:
    machine.has_python("3.12")
    machine.has("uname", 'case "$1" in -m) echo riscv64 ;; *) echo Linux ;; esac')
    result = machine.bootstrap()
    assert result.returncode == 1
    assert (
        "This machine is riscv64; the PostgreSQL of the sandbox comes for x86_64 and aarch64" in result.stderr
    )


def test_a_full_disk(machine: Machine) -> None:
    machine.has_python("3.12")
    machine.has(
        "df", "printf 'Filesystem 1024-blocks Used Available Capacity Mounted\\n/dev/x 9 1 307200 1%% /\\n'"
    )
    result = machine.bootstrap()
    assert result.returncode == 1
    assert "Only 300 MiB are free here; making the environment needs" in result.stderr


def test_the_newest_python_that_has_venv_is_taken(machine: Machine) -> None:
    machine.has("python3.13", "exit 127  # a shim without its Python")
    machine.has_python("3.12", command="python3.12", venv=False)
    machine.has_python("3.11", command="python3.11")
    machine.has_python("3.9")
    result = machine.bootstrap()
    assert result.returncode == 0, result.stderr
    assert "with Python 3.11" in result.stderr


def test_the_environment_variable_python_chooses(machine: Machine) -> None:
    machine.has_python("3.13", command="python3.13")
    machine.has_python("3.9", command="mine")
    machine.environment["PYTHON"] = "mine"
    result = machine.bootstrap()
    assert result.returncode == 1
    assert "mine here is 3.9" in result.stderr


def test_only_hashed_packages_from_wherever_the_user_configured(machine: Machine) -> None:
    machine.has_python("3.12")
    machine.environment["PIP_USER"] = "1"
    result = machine.bootstrap()
    assert result.returncode == 0, result.stderr
    locked, project = machine.log.read_text().splitlines()
    assert "--require-hashes --no-deps -r requirements/dev.txt" in locked
    assert "PIP_USER=0" in locked
    assert "index-url" not in locked
    assert "isolated" not in locked
    assert "--no-deps --no-build-isolation --no-index --editable ." in project


def test_pip_that_reaches_nothing(machine: Machine) -> None:
    machine.has_python("3.12", pip=False)
    result = machine.bootstrap()
    assert result.returncode == 1
    assert "no route to index" in result.stderr
    assert "pip could not install the locked packages; its own words are above." in result.stderr


def test_it_is_an_executable_script() -> None:
    assert os.access(BOOTSTRAP, os.X_OK)
