"""policies.yaml as it is written: every key, before anything is inherited, resolved or checked against the rest.

What a level may say is one class, so that a key has one meaning wherever it stands: `Schedule` for defaults, `Manner`
for types, `SecretRules` for secrets and their environments.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from rotator.config.spelling import (
    BackoffRange,
    Day,
    Duration,
    MaxAge,
    Moment,
    Region,
    TimeOfDay,
    Timezone,
    Url,
)

OneOrMore = BeforeValidator(lambda value: [value] if isinstance(value, str) else value)


class Part(BaseModel):
    """A mapping of the file with known keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Overdue(Part):
    """When overdue gets worse."""

    page_after: Duration | None = None
    max_age: MaxAge | None = None


class Retry(Part):
    """After an unexpected failure."""

    attempts: Annotated[int, Field(ge=1, le=100)] | None = None
    backoff: BackoffRange | None = None


class Schedule(Part):
    """When, how patiently and for whom: what defaults may say."""

    rotate_every: Duration | None = None
    warn_before: Annotated[list[Duration], Field(max_length=20)] | None = None
    grace: Duration | None = None
    quarantine: Duration | None = None
    cooldown: Duration | None = None
    overdue: Overdue | None = None
    retry: Retry | None = None
    windows: list[str] | None = None
    owner: str | None = None
    runbook: str | None = None
    mode: Literal["auto", "approve", "observe"] | None = None
    approvers: list[str] | None = None
    length_bits: Annotated[int, Field(ge=128, le=4096)] | None = None


class Manner(Schedule):
    """How: what a type may say besides."""

    settings: dict[str, Any] | None = None
    accept_unseen: bool | None = None
    accept_gap: bool | None = None
    torn_ok: bool | None = None
    one_parameter: Literal["json"] | None = None


class Type(Manner):
    """One kind of secret."""

    provider: str


class Exempt(Part):
    """An exception that ends."""

    reason: Annotated[str, Field(min_length=1)]
    until: Moment
    approved_by: str | None = None


class SecretRules(Manner):
    """What one secret may say, also for a single environment."""

    fields: dict[str, str] | None = None
    accepted_as: str | None = None
    probe: Annotated[list[Url], OneOrMore] | None = None
    consumers: Literal["ours", "external"] | None = None
    deploy: list[str] | None = None
    mirrors: list[str] | None = None
    verify: dict[str, Any] | None = None
    notify: dict[str, str] | None = None
    exempt: Exempt | None = None


class Secret(SecretRules):
    """One secret."""

    type: str | None = None
    only_in: list[str] | None = None
    environments: dict[str, SecretRules] = {}


class Window(Part):
    """Hours of the week, or always."""

    always: Literal[True] | None = None
    days: list[Day] | None = None
    opens: Annotated[TimeOfDay | None, Field(alias="from")] = None
    closes: Annotated[TimeOfDay | None, Field(alias="to")] = None
    timezone: Timezone | None = None


class Freeze(Part):
    """A span without restarts; a date means the whole day, the last one included."""

    name: str
    begins: Annotated[Moment, Field(alias="from")]
    ends: Annotated[Moment, Field(alias="to")]
    timezone: Timezone = "UTC"
    environments: list[str] | None = None
    reason: str = ""


class Aws(Part):
    """Where in AWS."""

    region: Region
    kms_key: str | None = None


class Kubernetes(Part):
    """Where in the cluster."""

    namespace: str


class After(Part):
    """The environment that proves a rotation first."""

    environment: str
    succeeded: Literal[True] = True
    soak: Duration = timedelta()


class Environment(Part):
    """One environment. Its mode is a ceiling: no secret in it is handled more freely."""

    path: str
    aws: Aws
    kubernetes: Kubernetes | None = None
    mode: Literal["auto", "approve", "observe"] = "auto"
    after: After | None = None
    max_concurrent: Annotated[int, Field(ge=1)] | None = None
    defaults: Schedule = Schedule()


class Deployment(Part):
    """A workload. The one key besides these names its redeployer: `kubernetes: deployment/api`."""

    model_config = ConfigDict(extra="allow")

    __pydantic_extra__: dict[str, str] = Field(init=False)
    reads: Literal["ssm", "external-secrets", "deploy-time"] = "ssm"
    timeout: Duration = timedelta(minutes=10)
    health: Url | None = None
    external_secrets: list[str] = []
    settings: dict[str, Any] = {}


class Mirror(Part):
    """A second copy; the keys besides `kind` are its adapter's own."""

    model_config = ConfigDict(extra="allow")

    kind: str


class Owner(Part):
    """Where an owner is reached: channel -> address."""

    model_config = ConfigDict(extra="allow")

    __pydantic_extra__: dict[str, str] = Field(init=False)
    escalate_to: str | None = None


class Digest(Part):
    """When the collected news go out."""

    at: TimeOfDay
    timezone: Timezone
    days: list[Day] | None = None


class QuietHours(Part):
    """When only the exceptions are sent."""

    begins: Annotated[TimeOfDay, Field(alias="from")]
    ends: Annotated[TimeOfDay, Field(alias="to")]
    timezone: Timezone
    exceptions: Annotated[list[Literal["info", "warning", "critical"]], Field(alias="except")] = ["critical"]


class Heartbeat(Part):
    """The page outside that notices when we are silent."""

    url: str
    every: Duration
    grace: Duration


class Alerts(Part):
    """How loudly."""

    group_wait: Duration | None = None
    repeat: Annotated[list[Duration], Field(min_length=1, max_length=20)] | None = None
    digest: Digest | None = None
    quiet_hours: QuietHours | None = None
    heartbeat: Heartbeat | None = None


class TrailSource(Part):
    """Where read events come from."""

    kind: Literal["sqs"]
    queue: str


class Reader(Part):
    """Who may read, and when."""

    name: str
    role: str
    during: Literal["always", "deployment", "rotation"]
    slack_after: Duration | None = None
    notify: Literal["low"] | None = None


class BulkRead(Part):
    """How many reads are too many."""

    more_than: Annotated[int, Field(ge=1)]
    within: Duration


class Access(Part):
    """Who may read the parameters, and when."""

    source: TrailSource | None = None
    allow: list[Reader] = []
    bulk_read: BulkRead | None = None


class PolicyFile(Part):
    """The whole file."""

    api_version: Annotated[Literal["rotator/v1"], Field(alias="apiVersion")]
    kind: Literal["RotationPolicies"]
    defaults: Schedule = Schedule()
    windows: dict[str, Window] = {}
    freezes: list[Freeze] = []
    environments: Annotated[dict[str, Environment], Field(min_length=1)]
    types: dict[str, Type] = {}
    secrets: dict[str, Secret]
    unmanaged: Literal["alert", "ignore", "fail"] = "alert"
    ignore: list[str] = []
    deployments: dict[str, Deployment] = {}
    mirrors: dict[str, Mirror] = {}
    owners: dict[str, Owner] = {}
    alerts: Alerts = Alerts()
    access: Access | None = None
