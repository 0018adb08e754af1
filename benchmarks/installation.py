"""An installation to measure: a policy, its parameters in the sandbox's AWS, and the real daemon in a process."""

# ruff: noqa: TID251 - a benchmark measures real time

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.figures import Unmeasured
from rotator.contracts.journal import Journal
from rotator.journal import SqlJournal, open_journal
from rotator.sandbox.aws import AwsWorld
from rotator.sandbox.processes import Child, NotReady

ROTATOR = (sys.executable, "-m", "rotator")
POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Installation:
    """Everything below `folder`; `settings` are ROTATOR_… variables besides those that say where things are."""

    folder: Path
    aws: AwsWorld
    policy: str
    settings: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.folder / "policies.yaml").write_text(self.policy)

    @property
    def environment(self) -> dict[str, str]:
        """For the daemon, and for the command line beside it."""
        return {
            **self.aws.environment("rotator"),
            "ROTATOR_JOURNAL": f"sqlite:///{self.folder}/state/journal.sqlite",
            "ROTATOR_POLICIES": str(self.folder / "policies.yaml"),
            "ROTATOR_KEY_FILE": str(self.folder / "state" / "sealing.key"),
            **self.settings,
        }

    @property
    def log(self) -> Path:
        """What the daemon says."""
        return self.folder / "daemon.log"

    def journal(self, *, daemon: bool = False) -> SqlJournal:
        """Beside the daemon; or as one, before it is there."""
        return open_journal(self.environment["ROTATOR_JOURNAL"], daemon=daemon)

    @contextmanager
    def daemon(self, program: tuple[str, ...] = (*ROTATOR, "run")) -> Iterator[Child]:
        """Runs meanwhile. Raises Unmeasured when it did not come up, or ended by itself."""
        child = Child("the daemon", program, log=self.log, environment=self.environment)
        try:
            child.wait_until(lambda: self.said("running"), 60)
            yield child
        except NotReady as trouble:
            raise Unmeasured(str(trouble)) from trouble
        finally:
            child.stop(within=25)

    def said(self, event: str) -> bool:
        """Whether the daemon has logged this."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return any(json.loads(line)["event"] == event for line in lines if line.startswith("{"))

    def rotator(self, *words: str) -> None:
        """What a person types. Raises Unmeasured when it fails."""
        done = subprocess.run(
            [*ROTATOR, *words], env={**os.environ, **self.environment}, cwd=self.folder, capture_output=True,
            text=True, timeout=120, check=False,
        )  # fmt: skip
        if done.returncode:
            raise Unmeasured(f"rotator {' '.join(words)} ended with {done.returncode}: {done.stderr[-300:]}")


def wait_until(what: str, ready: Callable[[], bool], within: float) -> None:
    """Asks until it is so. Raises Unmeasured after `within` seconds."""
    deadline = time.monotonic() + within
    while not ready():
        if time.monotonic() > deadline:
            raise Unmeasured(f"{what}: not within {within:g} s")
        time.sleep(POLL_SECONDS)


def agreed(journal: Journal, environment: str) -> bool:
    """Whether two scans have agreed: rotations may begin."""
    seen = journal.surveyed().get(environment)
    return seen is not None and seen.agreed
