"""How much longer a rotation takes than what it waits for: its source, its store and its rollouts."""

from __future__ import annotations

import json
import secrets
import sys
import tempfile
from collections.abc import Iterator
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

NAME, ENVIRONMENT, PATH = "INTERNAL_TOKEN", "production", "/taly/production"
_PATIENCE = 5 * 60.0
Span = tuple[float, float]


def measure(size: Size) -> Iterator[Figure]:
    """One secret with an accepted set: two rollouts until every consumer is on the successor."""
    seconds = size.of(30, 3)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rotator-bench-")))
        aws = stack.enter_context(AwsWorld(folder))
        platform = Platform(seconds)
        address = stack.enter_context(served(platform.answer))
        value = secrets.token_hex(32)
        aws.control.seed([
            Parameter(f"{PATH}/{NAME}", value, key_id=KEYS[0]),
            Parameter(f"{PATH}/{NAME}_ACCEPTED", json.dumps([value]), key_id=KEYS[0]),
        ])  # fmt: skip
        settings = {
            "ROTATOR_REDEPLOYER": "sandbox",
            "ROTATOR_ENDPOINT_PLATFORM": address,
            "ROTATOR_SCAN_EVERY": "5s",  # the second scan, after which anything may begin, need not be waited for
            "BENCH_CALLS": str(folder / "calls"),
        }
        place = Installation(folder, aws, _policy(), settings)
        stack.enter_context(place.daemon((sys.executable, "-m", "benchmarks.timed_daemon")))
        journal = stack.enter_context(closing(place.journal()))
        wait_until("two scans agree", lambda: agreed(journal, ENVIRONMENT), _PATIENCE)
        place.rotator("rotate", NAME, "--no-wait", "--reason", "bench")
        wait_until("it is done", lambda: _done(journal) is not None, _PATIENCE)
        row = _done(journal)
        assert row is not None and row.ledger.confirmed_at is not None, "done comes after confirmed"
        whole = row.opened_at.timestamp(), row.ledger.confirmed_at.timestamp()
        calls = [json.loads(line) for line in (folder / "calls").read_text().splitlines()]
    asked = _within(whole, [(began, ended) for _contract, began, ended in calls])
    rolled = _within(whole, platform.spans)
    busy, took = _covered(asked + rolled), whole[1] - whole[0]
    yield Figure(
        "time of a rotation / time in source, store and rollout", took / busy, "ratio",
        f"one shared secret by the real daemon, from its opening to the last confirmed consumer: {took:.2f} s, of "
        f"which {len(rolled)} rollouts of {seconds} s took {_covered(rolled):.2f} s and {len(asked)} calls to source "
        f"and store, waits for the quota included, {_covered(asked):.2f} s", at_most(1.05),
    )  # fmt: skip


def _done(journal: Journal) -> Rotation | None:
    return next((row for row in journal.rotations(limit=1) if row.state is State.DONE), None)


def _within(whole: Span, spans: list[Span]) -> list[Span]:
    """Those that began meanwhile, cut off at the end."""
    return [(began, min(ended, whole[1])) for began, ended in spans if whole[0] <= began < whole[1]]


def _covered(spans: list[Span]) -> float:
    """Seconds in which at least one of them was under way."""
    covered, reached = 0.0, 0.0
    for began, ended in sorted(spans):
        covered += max(0.0, ended - max(began, reached))
        reached = max(reached, ended)
    return covered


def _policy() -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "rotator/v1",
            "kind": "RotationPolicies",
            "defaults": {"owner": "platform", "warn_before": []},
            "environments": {
                ENVIRONMENT: {"path": PATH, "aws": {"region": REGION, "kms_key": KEYS[0]}, "mode": "auto"}
            },
            "types": {"key": {"provider": "token", "rotate_every": "90d", "grace": "1s"}},
            "deployments": {"app": {"kubernetes": "deployment/app"}},
            "owners": {"platform": {"slack": "C0ROTATOR"}},
            "secrets": {NAME: {"type": "key", "deploy": ["app"], "accepted_as": f"{NAME}_ACCEPTED"}},
        },
        sort_keys=False,
    )
