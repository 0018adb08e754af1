"""policies.yaml as it is written: every key, before anything is inherited, resolved or checked against the rest."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from rotator.config.schema.people import (
    Access,
    Alerts,
    Budget,
    BulkRead,
    Digest,
    Heartbeat,
    Owner,
    Person,
    QuietHours,
    Reader,
    TrailSource,
)
from rotator.config.schema.places import (
    After,
    Aws,
    Deployment,
    Environment,
    Freeze,
    Kubernetes,
    Mirror,
    Store,
    Window,
)
from rotator.config.schema.rules import (
    Exempt,
    Manner,
    Overdue,
    Part,
    Retry,
    Schedule,
    Secret,
    SecretRules,
    Type,
)

__all__ = [
    "Access", "After", "Alerts", "Aws", "Budget", "BulkRead", "Deployment", "Digest", "Environment", "Exempt", "Freeze",
    "Heartbeat", "Kubernetes", "Manner", "Mirror", "Overdue", "Owner", "Part", "Person", "PolicyFile", "QuietHours",
    "Reader", "Retry", "Schedule", "Secret", "SecretRules", "Store", "TrailSource", "Type", "Window",
]  # fmt: skip


class PolicyFile(Part):
    """What rotator rotates, how often, and who is told."""

    api_version: Annotated[Literal["rotator/v1"], Field(alias="apiVersion")]
    """The version of this format."""
    kind: Literal["RotationPolicies"]
    """What this file is."""
    defaults: Schedule = Schedule()
    """What every secret inherits unless it says otherwise."""
    windows: dict[str, Window] = Field(default_factory=dict)
    """When restarts and invalidation may happen, by name."""
    freezes: list[Freeze] = Field(default_factory=list)
    """Spans without restarts."""
    environments: Annotated[dict[str, Environment], Field(min_length=1)]
    """Where parameters and workloads are, by name."""
    types: dict[str, Type] = Field(default_factory=dict)
    """What one kind of secret means: adapter, period, settings."""
    secrets: dict[str, Secret]
    """Everything that is managed, by the name of its parameter. `rotator/NAME` is one of rotator's own."""
    unmanaged: Literal["alert", "ignore", "fail"] = "alert"
    """Parameters that nobody named. alert."""
    ignore: list[str] = Field(default_factory=list)
    """Globs of parameter names that are nobody's business; never a managed one."""
    deployments: dict[str, Deployment] = Field(default_factory=dict)
    """Workloads that read secrets and are restarted to take them up, by name."""
    mirrors: dict[str, Mirror] = Field(default_factory=dict)
    """Second copies, by name."""
    owners: dict[str, Owner] = Field(default_factory=dict)
    """Who is told, and where."""
    people: dict[str, Person] = Field(default_factory=dict)
    """Who may answer by a click in Slack, by the name that they have at a terminal. Nobody."""
    alerts: Alerts = Alerts()
    """How loudly."""
    access: Access | None = None
    """Who may read the parameters, and when."""
