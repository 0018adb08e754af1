"""The image: what may go into it, what its last stage is made of, and hadolint's word."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
IGNORED = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()


def as_expression(pattern: str) -> re.Pattern[str]:
    """A pattern of .dockerignore (docs.docker.com/build/concepts/context, "Syntax"), for a path or what is below it."""
    spelt = re.escape(pattern.strip("/"))
    for mark, meaning in (
        (r"\*\*/", "(?:.*/)?"),
        (r"\*", "[^/]*"),
        (r"\?", "[^/]"),
        (r"\[", "["),
        (r"\]", "]"),
    ):
        spelt = spelt.replace(mark, meaning)
    return re.compile(f"{spelt}(?:/.*)?")


def sent(name: str) -> bool:
    """Whether `docker build` may copy this file: the last line that fits decides."""
    kept = True
    for line in IGNORED:
        pattern = line.strip()
        if (
            pattern
            and not pattern.startswith("#")
            and as_expression(pattern.removeprefix("!")).fullmatch(name)
        ):
            kept = pattern.startswith("!")
    return kept


@pytest.mark.parametrize(
    "name",
    [
        ".env", ".env.production", "rotator/.env", "rotator/cli/.env.local", "rotator/production.env", ".git/config",
        "rotator/.git/HEAD", "tests/conftest.py", "tests/daemon/world.py", "journal.sqlite", "journal.sqlite-wal",
        "rotator/journal.sqlite", "rotator/journal/journal.sqlite-shm", "state/sealing.key", "rotator/sealing.key",
        "rotator/sealers/tls.pem", "rotator/daemon.log", "policies.yaml", ".venv/bin/python", "requirements/dev.txt",
        "k8s/base/deployment.yaml", ".ci/run", "rotator/__pycache__/clock.cpython-311.pyc", "demo-report.json",
        "id_rsa", "kubeconfig", ".aws/credentials",
    ],
)  # fmt: skip
def test_what_never_goes_into_an_image(name: str) -> None:
    assert not sent(name)


def test_what_goes_into_it() -> None:
    for name in ("pyproject.toml", "requirements/runtime.txt", "requirements/build.txt"):
        assert sent(name)
    package = [path.relative_to(ROOT).as_posix() for path in (ROOT / "rotator").rglob("*.py")]
    assert [name for name in package if not sent(name)] == []


def test_what_is_copied_is_what_is_sent() -> None:
    copied = [
        word
        for line in re.findall(r"^COPY (?!--from)(.+)", DOCKERFILE, re.MULTILINE)
        for word in line.split()[:-1]
    ]
    assert copied
    assert all(sent(f"{name}clock.py" if name.endswith("/") else name) for name in copied)


def stages() -> list[str]:
    return re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)[1:]


def test_the_last_stage_holds_no_build_tools_and_runs_as_nobody() -> None:
    build, last = stages()
    assert "--require-hashes" in build
    assert re.findall(r"^COPY (.+)", last, re.MULTILINE) == ["--from=build /opt/rotator /opt/rotator"]
    assert not re.search(r"apt-get|apk |curl|pip install|gcc", last)
    assert re.findall(r"^USER (.+)", last, re.MULTILINE) == ["65532:65532"]
    assert "pip uninstall" in last


def test_every_package_comes_from_a_lock_with_hashes() -> None:
    installs = re.findall(r"install (--[^&\n]+)", stages()[0])
    assert len(installs) == 3
    for install in installs:
        assert (
            "--require-hashes --no-deps -r requirements/" in install
            or "--no-deps --no-index /wheels/" in install
        )


def test_hadolint_finds_nothing() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run(
        [hadolint, "--no-color", str(ROOT / "Dockerfile")],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")
