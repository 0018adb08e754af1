"""What policies.yaml means once it is resolved: one `SecretPolicy` per secret and environment, nothing left to look up.

A `Recipe` is the part that a rotation freezes when it starts: it fixes *how*. Today's policy may afterwards only add
consumers, lengthen grace, hold or stop.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from rotator.model.hours import DigestTimes, QuietHours
from rotator.model.windows import Freeze, Window


class Frozen(BaseModel):
    """A value: immutable, strict about unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Mode(StrEnum):
    """Who starts a rotation that is due."""

    AUTO = "auto"
    APPROVE = "approve"  # a person says yes first
    OBSERVE = "observe"  # watched and alerted about, never rotated


class Reads(StrEnum):
    """How a consumer takes a value up."""

    SSM = "ssm"
    EXTERNAL_SECRETS = "external-secrets"
    DEPLOY_TIME = "deploy-time"


class OnUnexpectedRead(StrEnum):
    """What follows when somebody read a secret and nobody expected it."""

    ALERT = "alert"
    ASK = "ask"  # a person is asked whether to rotate it
    ROTATE = "rotate"  # it is due at once


class During(StrEnum):
    """When an allow rule expects its principal to read."""

    ALWAYS = "always"
    DEPLOYMENT = "deployment"  # near a start of a workload with that role
    ROTATION = "rotation"  # rotator itself


class Deployment(Frozen):
    """One workload of one environment that reads secrets and is restarted to take them up."""

    id: str  # environment/name, e.g. production/api
    kind: str  # the redeployer's entry-point name
    target: str  # in the redeployer's own terms, e.g. deployment/api
    reads: Reads = Reads.SSM
    timeout: timedelta = timedelta(minutes=10)
    health: str | None = None
    external_secrets: tuple[str, ...] = ()  # that copy from the store what it reads
    after: tuple[str, ...] = ()  # ids of those that are restarted before it, where one rotation restarts both
    settings: dict[str, Any] = {}


class Recipe(Frozen):
    """How one secret is rotated; every duration is real time, resolved (and scaled, in the sandbox) when it is made."""

    secret: str  # environment/NAME
    environment: str
    provider: str  # entry-point name of the source's adapter
    settings: dict[str, Any] = {}  # the adapter's own options; references, never values
    fields: dict[str, str]  # credential field -> full parameter name; one field is called "value"
    one_parameter: bool = False  # all fields are in the same one, as a JSON object
    accepted_as: str | None = None  # full name of the parameter that holds the accepted set
    probe: tuple[str, ...] = ()  # URLs that answer whether verifiers accept something we made
    external_consumers: bool = False  # verifiers outside our control: forget waits for a person's yes
    deployments: tuple[Deployment, ...] = ()
    mirrors: tuple[str, ...] = ()
    grace: timedelta
    quarantine: timedelta = timedelta()
    cooldown: timedelta = timedelta(hours=6)  # after an undo
    accept_unseen: bool = False
    accept_gap: bool = False
    torn_ok: bool = False
    attempts: int = 5  # of an unexpected failure before it parks
    backoff_first: timedelta = timedelta(seconds=5)
    backoff_longest: timedelta = timedelta(minutes=15)
    scale: float = 1.0  # calendar durations were multiplied by this (the sandbox's fast days)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The parameters that hold the fields, each once."""
        return tuple(dict.fromkeys(self.fields.values()))


class SecretPolicy(Frozen):
    """Everything policies.yaml says about one secret in one environment."""

    secret: str  # environment/NAME
    environment: str
    name: str
    type: str
    recipe: Recipe
    mode: Mode = Mode.AUTO
    rotate_every: timedelta
    warn_before: tuple[timedelta, ...] = ()
    page_after: timedelta = timedelta(days=7)
    max_age: timedelta | None = None  # the oldest it may ever be: no snooze goes beyond it
    approvers: tuple[str, ...] = ()  # people who may say yes, where mode is approve; empty: anybody
    windows: tuple[Window, ...] = ()  # empty: any time
    owner: str = ""
    runbook: str | None = None
    notify: dict[str, str] = {}  # who verifies outside our control -> the page that says how they are told
    submitted: bool = False  # a person makes the successor and submits it
    shared: bool = False  # rotator makes it up: no source knows what it was before
    exempt_until: datetime | None = None
    exempt_reason: str = ""
    line: int = 0  # where policies.yaml speaks of it first
    note: str = ""  # why it is only watched although its policy says more, a sentence
    on_unexpected_read: OnUnexpectedRead = OnUnexpectedRead.ALERT


class EnvironmentPolicy(Frozen):
    """One environment: where its parameters are and what must have happened before it is touched."""

    name: str
    path: str  # parameter prefix, e.g. /taly/production
    region: str
    account: str = ""  # of its parameters; empty where the policy does not say
    store: str = "ssm"  # the store's entry-point name; its own options are under that name in `settings`
    kms_key: str | None = None
    freezes: tuple[Freeze, ...] = ()
    after: str | None = None  # the environment that proves a rotation first
    soak: timedelta = timedelta()
    max_concurrent: int | None = None  # rotations of one workload between plan and confirm
    settings: dict[str, Any] = {}


class MirrorPolicy(Frozen):
    """One place of one environment that holds a second copy of what the store holds."""

    id: str  # environment/name, e.g. staging/github-actions
    kind: str  # the mirror's entry-point name
    settings: dict[str, Any] = {}  # the adapter's own options; references, never values


class OwnerPolicy(Frozen):
    """Where an owner's alerts go: channel entry-point name -> address (a Slack channel, an e-mail address)."""

    name: str
    addresses: dict[str, str] = {}
    escalate_to: str | None = None
    members: tuple[str, ...] = ()  # people, by the names that the record keeps of them


class Role(StrEnum):
    """What somebody may do by a click. Looking needs none."""

    OPERATOR = "operator"  # acknowledge, snooze, retry, roll back, rotate
    APPROVER = "approver"  # say yes to what somebody else asked for


class PersonPolicy(Frozen):
    """Somebody, or a group of people, as Slack knows them, and what they may do."""

    name: str
    slack: str  # a member's id, U… or W…, or a user group's, S…
    roles: tuple[Role, ...]

    @property
    def group(self) -> bool:
        """Whether it is a user group."""
        return self.slack.startswith("S")


class HeartbeatPolicy(Frozen):
    """Who outside hears regularly that all is well, and calls people when it does not."""

    url: str  # a reference to its address
    every: timedelta
    grace: timedelta  # that the outside waits beyond that


class Budget(Frozen):
    """For how many critical alerts those to whom they escalate are told within any time as long as a shift."""

    pages: int = 2
    shift: timedelta = timedelta(hours=12)


class AlertPolicy(Frozen):
    """How loudly alerts speak."""

    group_wait: timedelta = timedelta(seconds=30)
    repeat: tuple[timedelta, ...] = (
        timedelta(days=1),
        timedelta(days=3),
        timedelta(days=7),
    )
    digest: DigestTimes | None = None  # without one, what is info is told at once
    quiet_hours: QuietHours | None = None
    budget: Budget | None = None
    heartbeat: HeartbeatPolicy | None = None


class Reader(Frozen):
    """One allow rule in one environment: who may read what there, and when."""

    name: str
    environment: str
    role: str = ""  # a glob of role names, of paths and names, or of ARNs
    principal: str = ""  # instead: a glob of what findings call a principal
    during: During
    secrets: tuple[str, ...] = ()  # globs of names; empty: all
    source: tuple[str, ...] = ()  # VPC endpoints and networks; empty: anywhere
    slack_after: timedelta = timedelta(minutes=15)  # after a start
    quiet: bool = False  # expected, and told quietly


class TrailPolicy(Frozen):
    """Where AWS's records of who called what come from."""

    kind: str
    queue: str = ""  # an ARN; empty for a trail that has none
    bucket: str = ""  # of log files; empty for a trail that reads none


class AccessPolicy(Frozen):
    """Who may read the parameters, and when."""

    readers: tuple[Reader, ...] = ()  # in the order of the file; of an environment, the first that fits holds
    bulk_more_than: int = 10  # secrets
    bulk_within: timedelta = timedelta(hours=1)
    hold: timedelta = timedelta(minutes=10)  # that late records are waited for
    learn_until: datetime | None = None  # what a rule could allow, and happened before, is kept quiet
    source: TrailPolicy | None = None  # None: nothing is watched
    roles: dict[str, str] = {}  # Deployment.id -> the role that it reads with, where the policy says so


class Policies(Frozen):
    """A whole policies.yaml, resolved."""

    version: str  # content hash of the file's text
    environments: dict[str, EnvironmentPolicy]
    secrets: dict[str, SecretPolicy]  # by SecretPolicy.secret
    mirrors: dict[str, MirrorPolicy] = {}  # by MirrorPolicy.id
    owners: dict[str, OwnerPolicy] = {}
    people: dict[str, PersonPolicy] = {}
    default_owner: str = ""
    alerts: AlertPolicy = AlertPolicy()
    access: AccessPolicy = AccessPolicy()
    unmanaged: str = "alert"  # alert | ignore | fail
    ignore: tuple[str, ...] = ()  # globs of parameter names that are nobody's business
