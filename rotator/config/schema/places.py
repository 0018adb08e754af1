"""Where and when: windows, freezes, environments, the workloads that read secrets, and second copies."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from rotator.config.schema.rules import Part, Schedule
from rotator.config.spelling import Account, Day, Duration, Moment, Region, TimeOfDay, Timezone, Url, Why


class Window(Part):
    """Hours of the week, or always."""

    always: Literal[True] | None = None
    """Open at any time; nothing else is said then."""
    days: list[Day] | None = None
    """mon … sun. All."""
    opens: Annotated[TimeOfDay | None, Field(alias="from")] = None
    """When it opens, e.g. "09:30". Midnight."""
    closes: Annotated[TimeOfDay | None, Field(alias="to")] = None
    """When it closes; before `from` means the next day. Midnight."""
    timezone: Timezone | None = None
    """Required where the window has hours."""


class Freeze(Part):
    """A span without restarts; a date means the whole day, the last one included."""

    name: str
    """What people call it."""
    begins: Annotated[Moment, Field(alias="from")]
    """The first day, or a moment."""
    ends: Annotated[Moment, Field(alias="to")]
    """The last day, or a moment."""
    timezone: Timezone = "UTC"
    """Of both. UTC."""
    environments: list[str] | None = None
    """Where it holds. All."""
    reason: str = ""
    """Why, for people."""


class Aws(Part):
    """Where in AWS."""

    region: Region
    """The region of the parameters."""
    account: Account | None = None
    """The account of the parameters, twelve digits in quotes. Records of others are then told apart."""
    kms_key: str | None = None
    """The key that encrypts the parameters; the account's default where it is not said."""


class Kubernetes(Part):
    """Where in the cluster."""

    namespace: str
    """The namespace of the workloads."""


class After(Part):
    """The environment that proves a rotation first."""

    environment: str
    """One of `environments`."""
    succeeded: Literal[True] = True
    """It must have succeeded there; nothing else is possible."""
    soak: Duration = timedelta()
    """How long it must have been well there. 0s."""


class Store(Part):
    """Where consumers read; the keys besides `kind` are its adapter's own."""

    model_config = ConfigDict(extra="allow")

    kind: str = "ssm"
    """`ssm`, `secrets-manager` or `vault-kv2`. ssm."""


class Environment(Part):
    """One environment. Its mode is a ceiling: no secret in it is handled more freely."""

    path: str
    """The prefix of its parameters, e.g. `/taly/{env}`."""
    aws: Aws
    """Where its parameters are."""
    store: Store = Store()
    """What keeps its parameters. SSM."""
    kubernetes: Kubernetes | None = None
    """Where its workloads are."""
    mode: Literal["auto", "approve", "observe"] = "auto"
    """A ceiling: no secret in it is handled more freely. auto."""
    after: After | None = None
    """The environment that proves a rotation first."""
    max_concurrent: Annotated[int, Field(ge=1)] | None = None
    """So many rotations of one workload at a time. Any number."""
    defaults: Schedule = Schedule()
    """What its secrets inherit."""


class Deployment(Part):
    """A workload. The one key besides these names its redeployer: `kubernetes: deployment/api`."""

    model_config = ConfigDict(extra="allow")

    __pydantic_extra__: dict[str, str] = Field(init=False)
    reads: Literal["ssm", "external-secrets", "deploy-time"] = "ssm"
    """How it takes a value up. ssm."""
    role: str | None = None
    """The name of the IAM role that it reads with, where its platform does not tell (EKS Pod Identity)."""
    timeout: Duration = timedelta(minutes=10)
    """How long a rollout may take. 10m."""
    health: Url | None = None
    """A page that tells which versions it has read."""
    external_secrets: list[str] = Field(default_factory=list)
    """Names of the ExternalSecrets that copy what it reads."""
    after: list[str] = Field(default_factory=list)
    """Deployments that are restarted before it, where a secret restarts both. Side by side."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """The redeployer's own options."""


class Mirror(Part):
    """A second copy; the keys besides these are its adapter's own."""

    model_config = ConfigDict(extra="allow")

    kind: str
    """Its adapter. Where it cannot be loaded, its secrets are watched only."""
    allow_production: Why | None = None
    """Why production's credentials may be at a place that builds and tests run in, in words. They may not."""
