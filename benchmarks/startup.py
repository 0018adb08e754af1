"""How long a person waits for the command line, against the import of boto3, which every SDK user waits for."""

# ruff: noqa: TID251 - a benchmark measures real time

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from benchmarks.figures import Figure, Size, Unmeasured, at_most
from benchmarks.policies import policy_file
from rotator.config.load import load
from rotator.journal import open_journal
from rotator.model.observations import Observed, Surveyed

SECRETS = 100
ROTATOR = [sys.executable, "-m", "rotator"]
COMMANDS = {
    "boto3": [sys.executable, "-c", "import boto3"],
    "--version": [*ROTATOR, "--version"],
    "status": [*ROTATOR, "status"],
}


def measure(size: Size) -> Iterator[Figure]:
    """Interleaved, so that all three meet the same neighbours on the machine."""
    with tempfile.TemporaryDirectory(prefix="rotator-bench-") as name:
        folder = Path(name)
        environment = _installation(folder)
        for command in COMMANDS.values():  # makes what Python caches
            _took(command, environment, folder)
        rounds = [
            {what: _took(command, environment, folder) for what, command in COMMANDS.items()}
            for _ in range(size.of(21, 3))
        ]
    middle = {what: statistics.median(one[what] for one in rounds) for what in COMMANDS}
    how = f"medians of {len(rounds)} interleaved runs of the whole process (boto3: {middle['boto3']:.3f} s)"
    yield Figure(
        "--version / import boto3", middle["--version"] / middle["boto3"], "ratio", how, at_most(0.5)
    )
    yield Figure(
        "status / import boto3", middle["status"] / middle["boto3"], "ratio",
        f"{how}; beside a journal on SQLite with {SECRETS} secrets that were scanned", at_most(2.5),
    )  # fmt: skip


def _took(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> float:
    """Seconds until it has ended. Raises Unmeasured when it fails."""
    began = time.perf_counter()
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, timeout=60, check=False)
    took = time.perf_counter() - began
    if done.returncode:
        raise Unmeasured(
            f"{' '.join(command[1:])} ended with {done.returncode}: {done.stderr.decode()[-300:]}"
        )
    return took


def _installation(folder: Path) -> dict[str, str]:
    """A journal as a daemon leaves it, and the environment that leads there."""
    text = policy_file(SECRETS)
    policies = load(text, "policies.yaml").policies
    assert policies is not None, "the policy is ours"
    (folder / "policies.yaml").write_text(text)
    url = f"sqlite:///{folder}/journal/journal.sqlite"
    with closing(open_journal(url, daemon=False)) as journal:
        now = journal.now()
        journal.note_policy(policies, text)
        for environment in policies.environments:
            journal.note_surveyed(Surveyed(environment=environment, scanned_at=now, agreed=True, digest="d"))
        journal.note_observed(
            Observed(
                secret=policy.secret,
                observed_at=now,
                versions=dict.fromkeys(policy.recipe.fields.values(), 3),
                modified_at=now - timedelta(days=12),
            )
            for policy in policies.secrets.values()
        )
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "ROTATOR_JOURNAL": url, "ROTATOR_POLICIES": str(folder / "policies.yaml")}
