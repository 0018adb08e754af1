"""Hundreds of secrets rotated at once, against a quota that the far side enforces, by the real daemon."""

from __future__ import annotations

import secrets
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import yaml

from benchmarks.figures import Figure, Size, at_most
from benchmarks.installation import Installation, agreed, wait_until
from benchmarks.loopback import served
from benchmarks.platform import Platform
from rotator.contracts.journal import Journal
from rotator.model.rotation import Rotation, State
from rotator.sandbox.aws import KEYS, REGION, AwsWorld, Parameter
from rotator.sandbox.faults import Quota

WORKLOADS, QUOTA, ROLLOUT_SECONDS = 3, 10, 5.0
ENVIRONMENT, PATH = "production", "/taly/production"
_PATIENCE = 4 * 60.0


def measure(size: Size) -> Iterator[Figure]:
    """Asked for by one command, as a person would; timed by the journal's own clock."""
    rotations = size.of(300, 20)
    names = [f"KEY_{number:03d}" for number in range(rotations)]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rotator-bench-")))
        aws = stack.enter_context(AwsWorld(folder))
        platform = Platform(ROLLOUT_SECONDS)
        address = stack.enter_context(served(platform.answer))
        aws.control.seed(Parameter(f"{PATH}/{name}", secrets.token_hex(32), key_id=KEYS[0]) for name in names)
        aws.control.set_quotas({"writes": Quota(QUOTA, QUOTA)})
        settings = {
            "ROTATOR_REDEPLOYER": "sandbox",
            "ROTATOR_ENDPOINT_PLATFORM": address,
            "ROTATOR_SSM_WRITES_PER_SECOND": str(QUOTA),
            "ROTATOR_SCAN_EVERY": "5s",  # the second scan, after which anything may begin, need not be waited for
        }
        place = Installation(folder, aws, policy(names), settings)
        stack.enter_context(place.daemon())
        journal = stack.enter_context(closing(place.journal()))
        wait_until("two scans agree", lambda: agreed(journal, ENVIRONMENT), _PATIENCE)
        before = Counter(aws.control.statistics()["refusals"])
        place.rotator("rotate", "--all", "--no-wait", "--reason", "bench")
        wait_until("all are done", lambda: len(_done(journal)) == rotations, _PATIENCE)
        rows, asked = _done(journal), min(one.at for one in journal.requests(waiting=False))
        failed = Counter(aws.control.statistics()["refusals"]) - before
    confirmed = max(row.ledger.confirmed_at for row in rows if row.ledger.confirmed_at)
    wrote = max(row.ledger.wrote_at for row in rows if row.ledger.wrote_at)
    took, bound = (confirmed - asked).total_seconds(), rotations / QUOTA + ROLLOUT_SECONDS
    at_once = f"{rotations} secrets at once"
    how = (
        f"asked for by `rotator rotate --all`, of {WORKLOADS} workloads; the real daemon on SQLite with the default "
        f"rhythm; the sandbox's AWS refuses more than {QUOTA} writes a second"
    )
    yield Figure(
        f"{at_once}: time / bound", took / bound, "ratio",
        f"{how}; {took:.1f} s from the first request to the last confirmed consumer (last value written after "
        f"{(wrote - asked).total_seconds():.1f} s); bound: {rotations} writes at {QUOTA}/s, and a rollout of "
        f"{ROLLOUT_SECONDS:g} s", at_most(1.10),
    )  # fmt: skip
    yield Figure(
        f"{at_once}: failed writes", failed.total(), "calls", f"{how}: those that it refused", at_most(0)
    )
    yield Figure(
        f"{at_once}: restarts a workload", max(platform.restarts.values()), "restarts",
        f"{how}; the most rollouts that the platform started of one workload", at_most(1),
    )  # fmt: skip


def _done(journal: Journal) -> Sequence[Rotation]:
    return [row for row in journal.rotations() if row.state is State.DONE]


def policy(names: Sequence[str]) -> str:
    """One parameter each, one write a rotation: verifiers restart with it."""
    return yaml.safe_dump(
        {
            "apiVersion": "rotator/v1",
            "kind": "RotationPolicies",
            "defaults": {"owner": "platform", "warn_before": []},
            "environments": {
                ENVIRONMENT: {"path": PATH, "aws": {"region": REGION, "kms_key": KEYS[0]}, "mode": "auto"}
            },
            "types": {"key": {"provider": "token", "rotate_every": "90d", "grace": "1s", "accept_gap": True}},
            "deployments": {f"app-{number}": {"kubernetes": f"deployment/app-{number}"} for number in range(WORKLOADS)},
            "owners": {"platform": {"slack": "C0ROTATOR"}},
            "secrets": {
                name: {"type": "key", "deploy": [f"app-{number % WORKLOADS}"]} for number, name in enumerate(names)
            },
        },
        sort_keys=False,
    )  # fmt: skip
