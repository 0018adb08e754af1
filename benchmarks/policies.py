"""What reading policies.yaml costs: every secret with a parameter, an accepted set and a workload of its own kind."""

# ruff: noqa: TID251 - a benchmark measures real time

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

import yaml

from benchmarks.figures import Figure, Size, Unmeasured, at_most
from rotator.config.load import load

WORKLOADS, OWNERS = 40, 8


def measure(size: Size) -> Iterator[Figure]:
    """Load and check, as the daemon does at its start and when the file changes."""
    secrets, times = size.of(5_000, 500), size.of(7, 3)
    text = policy_file(secrets)
    taken = [_loaded(text, secrets) for _ in range(times)]
    yield Figure(
        f"policies.yaml of {secrets:,} secrets", statistics.median(taken), "s",
        f"load(): read strictly, check, resolve ({len(text) / 1024:.0f} KiB; {WORKLOADS} workloads); median of {times}",
        at_most(1),
    )  # fmt: skip


def _loaded(text: str, secrets: int) -> float:
    began = time.perf_counter()
    loaded = load(text, "policies.yaml")
    took = time.perf_counter() - began
    if loaded.policies is None or len(loaded.policies.secrets) != secrets:
        raise Unmeasured(
            f"the file is not usable: {loaded.errors[0] if loaded.errors else 'secrets are missing'}"
        )
    return took


def policy_file(secrets: int) -> str:
    """One environment, three types in turn, owners and workloads in turn."""
    types = {
        "token": {"provider": "token", "rotate_every": "90d", "grace": "1d", "settings": {"bits": 256}},
        "signing": {
            "provider": "token",
            "rotate_every": "60d",
            "grace": "12h",
            "settings": {"format": "hex"},
        },
        "jwt": {"provider": "jwt", "rotate_every": "30d", "grace": "2h"},
    }
    kinds = list(types)
    policy = {
        "apiVersion": "rotator/v1",
        "kind": "RotationPolicies",
        "defaults": {"owner": "team-0", "warn_before": ["14d", "3d"]},
        "environments": {
            "production": {"path": "/taly/production", "aws": {"region": "eu-central-1"}, "mode": "auto"}
        },
        "types": types,
        "deployments": {f"app-{number}": {"kubernetes": f"deployment/app-{number}"} for number in range(WORKLOADS)},
        "owners": {f"team-{number}": {"slack": f"C{number:08d}"} for number in range(OWNERS)},
        "secrets": {
            f"KEY_{number:05d}": {
                "type": kinds[number % len(kinds)],
                "accepted_as": f"KEY_{number:05d}_ACCEPTED",
                "deploy": [f"app-{number % WORKLOADS}"],
                "owner": f"team-{number % OWNERS}",
            }
            for number in range(secrets)
        },
    }  # fmt: skip
    return yaml.safe_dump(policy, sort_keys=False)
