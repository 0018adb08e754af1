"""What the engine's tests are made of: policies, rotations and observations with everything unimportant filled in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from rotator.engine.standing import Gathered
from rotator.model.observations import History, Observed, Surveyed
from rotator.model.policy import (
    AlertPolicy,
    EnvironmentPolicy,
    OwnerPolicy,
    Policies,
    Recipe,
    SecretPolicy,
)
from rotator.model.requests import Request, RequestKind
from rotator.model.rotation import Ledger, Phase, Reason, Rotation, State

NOW = datetime(2026, 6, 10, 12, 0, tzinfo=UTC)  # a Wednesday
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
PERIOD = 100 * DAY
#: When rows are tried next in tests without a worker, which would otherwise be due and taken up by nobody.
FAR_AHEAD = NOW + 200 * DAY


def ago(span: timedelta) -> datetime:
    return NOW - span


def recipe(secret: str = "production/KEY", **changes: Any) -> Recipe:
    environment, name = secret.split("/")
    filled = {
        "secret": secret,
        "environment": environment,
        "provider": "fake",
        "fields": {"value": f"/taly/{environment}/{name}"},
        "grace": HOUR,
        "cooldown": 6 * HOUR,
    }
    return Recipe(**{**filled, **changes})


def policy(secret: str = "production/KEY", how: dict[str, Any] | None = None, **changes: Any) -> SecretPolicy:
    environment, name = secret.split("/")
    filled = {
        "secret": secret,
        "environment": environment,
        "name": name,
        "type": "key",
        "recipe": recipe(secret, **(how or {})),
        "rotate_every": PERIOD,
        "owner": "platform",
    }
    return SecretPolicy(**{**filled, **changes})


def environment(name: str = "production", **changes: Any) -> EnvironmentPolicy:
    return EnvironmentPolicy(**{"name": name, "path": f"/taly/{name}", "region": "eu-central-1", **changes})


def policies(
    *secrets: SecretPolicy, environments: tuple[EnvironmentPolicy, ...] = (), **changes: Any
) -> Policies:
    named = {one.environment: environment(one.environment) for one in secrets}
    named |= {one.name: one for one in environments}
    filled = {
        "version": "1",
        "environments": named,
        "secrets": {one.secret: one for one in secrets},
        "owners": {
            "platform": OwnerPolicy(name="platform", addresses={"slack": "#ops", "email": "ops@taly"})
        },
        "default_owner": "platform",
        "alerts": AlertPolicy(group_wait=timedelta(seconds=30)),
    }
    return Policies(**{**filled, **changes})


def rotation(
    secret: str = "production/KEY", ledger: dict[str, Any] | None = None, **changes: Any
) -> Rotation:
    filled = {
        "id": "rot1",
        "secret": secret,
        "principal": f"fake:{secret}",
        "provider": "fake",
        "phase": Phase.PLAN,
        "run_at": NOW,
        "opened_at": NOW - MINUTE,
        "phase_since": NOW - MINUTE,
        "recipe": recipe(secret),
        "ledger": Ledger(**(ledger or {})),
        "sentence": "doing it",
    }
    return Rotation(**{**filled, **changes})


def done(at: datetime = NOW, version: int = 2, **changes: Any) -> Rotation:
    secret = changes.get("secret", "production/KEY")
    wrote = {f"/taly/{secret}": version}
    return rotation(
        **{
            "state": State.DONE,
            "ended_at": at,
            "phase": Phase.REMOVE,
            "ledger": {"wrote": wrote, "wrote_at": at},
            "sentence": "done; the old one is dead (tried)",
            **changes,
        }
    )


def undone(at: datetime = NOW, **changes: Any) -> Rotation:
    return rotation(
        **{
            "id": "rot2",
            "state": State.UNDONE,
            "ended_at": at,
            "phase": Phase.DISPROVE,
            "ledger": {"undo_reason": Reason.ROLLOUT_FAILED, "undo_from": Phase.CONFIRM},
            "sentence": "undone; the old one is current and works",
            **changes,
        }
    )


def seen(secret: str = "production/KEY", age: timedelta = DAY, version: int = 1, **changes: Any) -> Observed:
    filled = {
        "secret": secret,
        "observed_at": NOW,
        "versions": {f"/taly/{secret}": version},
        "modified_at": NOW - age,
        "modified_by": "terraform",
    }
    return Observed(**{**filled, **changes})


def surveyed(name: str = "production", **changes: Any) -> Surveyed:
    return Surveyed(**{"environment": name, "scanned_at": NOW, "agreed": True, **changes})


def request(kind: RequestKind = RequestKind.ROTATE, about: str = "production/KEY", **changes: Any) -> Request:
    return Request(**{"id": f"q-{kind}", "kind": kind, "about": about, "by": "ana", "at": NOW, **changes})


def gathered(age: timedelta | None = DAY, **changes: Any) -> Gathered:
    filled = {
        "now": NOW,
        "policy": policy(),
        "environment": environment(),
        "history": History(),
        "observed": None if age is None else seen(age=age),
        "surveyed": surveyed(),
    }
    return Gathered(**{**filled, **changes})
