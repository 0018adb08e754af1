"""What a starting daemon loads, wraps and logs."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rotator.clock import SystemClock
from rotator.config.settings import Settings
from rotator.contracts.parts import Parts
from rotator.daemon.installation import Installation
from rotator.daemon.policy import PolicyInForce
from rotator.daemon.troubles import Troubles
from rotator.journal import open_memory_journal
from rotator.model.secrets import Sealed
from rotator.sealers.keyfile import KeyFile
from rotator.testing.virtual_clock import VirtualClock
from tests.daemon.world import PATIENCE, Town

#: What an idle daemon has no use for.
_IDLE_WITHOUT = ("slack_sdk", "psycopg", "alembic", "smtplib", "moto", "rotator.sealers.kms")


@pytest.mark.slow
def test_an_idle_daemon_has_loaded_no_adapter_that_it_does_not_use(town: Town) -> None:
    with town.daemon():
        town.until("scanned", town.scanned)
    asking = f"""
import sys, signal, threading, os, time
from rotator.cli.main import main
def look():
    while signal.getsignal(signal.SIGTERM) == signal.SIG_DFL or "rotator.stores.ssm" not in sys.modules:
        time.sleep(0.05)
    time.sleep(2)  # a scan, and every other job
    print([name for name in {_IDLE_WITHOUT!r} if name in sys.modules], flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
threading.Thread(target=look, daemon=True).start()
sys.argv = ["rotator", "run"]
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", asking],
        env=town.environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "[]\n"


def _open_to_all(path: Path) -> None:
    path.chmod(0o644)


def _damaged(path: Path) -> None:
    path.write_text("not a key")


def _below_a_file(path: Path) -> None:
    path.unlink()
    path.parent.rmdir()
    path.parent.touch()


@pytest.mark.slow
@pytest.mark.parametrize(
    "spoil, said",
    [
        (_open_to_all, "others than rotator can read or replace the key file {path} (mode 0644"),
        (_damaged, "{path} is not a key file of rotator"),
        (_below_a_file, "cannot make the key file {path}: Not a directory"),
    ],
)
def test_a_key_file_that_is_of_no_use_shows_at_the_start(
    town: Town, spoil: Callable[[Path], None], said: str
) -> None:
    path = town.folder / "key" / "sealing.key"
    path.parent.mkdir()
    KeyFile.generate(path)
    spoil(path)
    done = town.cli("run", ROTATOR_KEY_FILE=str(path))
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("rotator: cannot start: ROTATOR_KEY_FILE: ")
    assert said.format(path=path) in done.stderr


@pytest.mark.slow
def test_the_first_start_makes_the_key_file_and_says_that_nobody_can_be_told(town: Town) -> None:
    with town.daemon():
        town.until("it says so", lambda: town.said("nobody can be told", do="ROTATOR_SLACK_TOKEN"))
    assert (town.folder / "state" / "sealing.key").stat().st_mode & 0o777 == 0o600


POLICY = """\
apiVersion: rotator/v1
kind: RotationPolicies
defaults: {owner: platform, rotate_every: 90d, grace: 1d}
environments: {staging: {path: /taly/staging, aws: {region: eu-central-1}, kubernetes: {namespace: taly}}}
types: {shared: {provider: token}}
secrets: {TOKEN: {type: shared, accepted_as: TOKEN_ACCEPTED, deploy: [api]}}
deployments: {api: {kubernetes: deployment/api}}
owners: {platform: {slack: "#ops", email: platform@taly.example}}
"""


def test_every_contract_can_be_wrapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "policies.yaml").write_text(POLICY)
    monkeypatch.setenv("ROTATOR_POLICIES", str(tmp_path / "policies.yaml"))
    monkeypatch.setenv("ROTATOR_KEY_FILE", str(tmp_path / "sealing.key"))
    monkeypatch.setenv("ROTATOR_REDEPLOYER", "sandbox")
    monkeypatch.setenv("ROTATOR_ENDPOINT_PLATFORM", "http://127.0.0.1:9")
    settings, journal = (
        Settings(slack_token=Sealed("made up"), smtp_host="127.0.0.1", smtp_from="a@taly.example"),
        open_memory_journal(),
    )
    policy = PolicyInForce(settings, journal)
    wrapped: list[str] = []

    def around(contract: str, part: Any) -> Any:
        wrapped.append(contract)
        return part

    parts: Parts = Installation(settings, journal, policy, SystemClock(), around)
    recipe = parts.policies().secrets["staging/TOKEN"].recipe
    for _ in range(2):
        parts.provider(recipe)
        parts.store("staging")
        parts.redeployer(recipe.deployments[0])
        assert parts.sealer is not None
        parts.channels()  # type: ignore[attr-defined]  # the daemon's own, not the engine's
    assert sorted(wrapped) == ["channel", "channel", "provider", "redeployer", "sealer", "store"]


def logged(program: str) -> list[str]:
    """Standard error of a process that logs as the daemon does."""
    setup = "from rotator.daemon.logs import start_logging; start_logging(human=False, level='debug')\n"
    done = subprocess.run(
        [sys.executable, "-c", setup + program], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    return done.stderr.splitlines()


def test_nothing_of_what_libraries_log_or_warn_is_printed() -> None:
    lines = logged(
        "import logging, warnings\n"
        "logging.getLogger('botocore').critical('the value is hunter2')\n"
        "logging.getLogger('urllib3').error('hunter2')\n"
        "warnings.warn('hunter2')\n"
    )
    assert lines == []


def test_an_exception_is_told_by_its_kind_and_place_only() -> None:
    lines = logged(
        "import structlog, threading\n"
        "try:\n    raise ValueError('hunter2')\n"
        "except ValueError:\n    structlog.get_logger().error('oh', exc_info=True)\n"
        "def fail(): raise KeyError('hunter2')\n"
        "t = threading.Thread(target=fail); t.start(); t.join()\n"
        "raise RuntimeError('hunter2')\n"
    )
    assert "hunter2" not in "".join(lines)
    assert [json.loads(line)["event"] for line in lines] == ["oh", "bug", "bug"]
    assert [json.loads(line).get("kind") for line in lines] == [None, "KeyError", "RuntimeError"]


def test_trouble_is_said_when_it_begins_changes_lasts_and_ends(capsys: pytest.CaptureFixture[str]) -> None:
    clock = VirtualClock()
    troubles = Troubles(clock)
    said: list[str] = []

    class Log:
        def warning(self, event: str, **facts: object) -> None:
            said.append(f"{event} {facts['trouble']} {facts['seconds']}")

        info = error = warning

    import rotator.daemon.troubles as module

    original, module.log = module.log, Log()
    try:
        for _ in range(3):
            troubles.arose("work", "away")
        troubles.arose("work", "away differently")
        clock.sleep(301)
        troubles.arose("work", "away differently")
        elsewhere = threading.Thread(target=troubles.ended, args=("work",))
        elsewhere.start()
        elsewhere.join()
        troubles.ended("other")
    finally:
        module.log = original
    del capsys
    assert said[:3] == ["trouble away 0", "trouble away differently 0", "trouble away differently 301"]
