"""The policies.yaml of a lane: one secret, one workload, and what its source, store, mirror and platform ask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from rotator.sandbox.aws import REGION
from tests.crash.copies import Copy
from tests.crash.platforms.platform import WORKLOAD, Platform
from tests.crash.sources.source import ENVIRONMENT, NAME, PATH, Source, parameter
from tests.crash.stores import Store

_MIRROR = "copy"
#: Grace and quarantine, 0.3 s each in the rig's time: longer than the stand-ins are late, and soon waited for.
_LIVES_ON = "8h"
#: As long as a crashed container is believed to be starting (a fifth of it), and several rollouts long.
_ROLLOUT_MAY_TAKE = "20s"


def written(
    source: Source, store: Store, platform: Platform, mirror: tuple[str, Copy] | None, verifiers: str
) -> str:
    """Everything is rotated on request only. `mirror`: its kind, and what it is; `verifiers`: where to probe."""
    document: dict[str, Any] = {
        "apiVersion": "rotator/v1",
        "kind": "RotationPolicies",
        "defaults": {
            "owner": "rig",
            "warn_before": [],
            "quarantine": _LIVES_ON,
            "retry": {"attempts": 5, "backoff": "1s..3s"},
        },
        "environments": {ENVIRONMENT: _environment(store)},
        "types": {"kind": {"provider": source.adapter, "rotate_every": "3650d", "grace": _LIVES_ON}},
        "secrets": {NAME: _secret(source, verifiers)},
        "deployments": {WORKLOAD: {**platform.deployment(), "timeout": _ROLLOUT_MAY_TAKE}},
        "owners": {"rig": {"email": "rig@taly.example"}},
        "alerts": {"group_wait": "1s"},
        "unmanaged": "ignore",
    }
    if mirror:
        kind, copy = mirror
        document["mirrors"] = {_MIRROR: {"kind": kind, **copy.written()}}
        document["secrets"][NAME]["mirrors"] = [_MIRROR]
    return yaml.safe_dump(document, sort_keys=False)


def own(values: Mapping[str, str]) -> dict[str, str]:
    """Parameters that hold what rotator itself logs in with."""
    return {f"{PATH}/rotator/{name}": value for name, value in values.items()}


def _environment(store: Store) -> dict[str, Any]:
    aws = {"region": REGION, "kms_key": f"alias/taly-{ENVIRONMENT}"}
    where = {"aws": aws, "kubernetes": {"namespace": "taly-staging"}}
    return {"path": PATH, **where, "mode": "auto", **store.written()}


def _secret(source: Source, verifiers: str) -> dict[str, Any]:
    said: dict[str, Any] = {"type": "kind", "deploy": [WORKLOAD], "settings": dict(source.settings())}
    if source.fields != ("value",):
        said["fields"] = {field: parameter(field).removeprefix(f"{PATH}/") for field in source.fields}
    if source.accepted_as:
        said |= {"accepted_as": source.accepted_as.removeprefix(f"{PATH}/"), "probe": verifiers}
    return {**said, **dict.fromkeys(source.rules, True)}
