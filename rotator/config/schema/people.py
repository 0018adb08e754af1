"""Who is told, how loudly, and who may read."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from rotator.config.schema.rules import Part
from rotator.config.spelling import Day, Duration, Moment, TimeOfDay, Timezone


class Owner(Part):
    """Where an owner is reached: channel -> address."""

    model_config = ConfigDict(extra="allow")

    __pydantic_extra__: dict[str, str] = Field(init=False)
    escalate_to: str | None = None
    """The owner who is told what is critical, too."""
    members: list[str] = Field(default_factory=list)
    """Who that is, by the names that they have at a terminal: they may say yes where this owner is an approver."""


class Person(Part):
    """Somebody who may answer, or a group of people who all may."""

    slack: str
    """Their member id in Slack, `U…`, or the id of a user group, `S…`."""
    roles: Annotated[list[Literal["operator", "approver"]], Field(min_length=1)]
    """`operator`: acknowledge, snooze, retry, roll back, rotate. `approver`: say yes to what another asked for."""


class Digest(Part):
    """When the collected news go out."""

    at: TimeOfDay
    """The time of day."""
    timezone: Timezone
    """Of that time."""
    days: list[Day] | None = None
    """mon … sun. All."""


class QuietHours(Part):
    """When only the exceptions are sent."""

    begins: Annotated[TimeOfDay, Field(alias="from")]
    """When they begin."""
    ends: Annotated[TimeOfDay, Field(alias="to")]
    """When they end."""
    timezone: Timezone
    """Of both."""
    exceptions: list[Literal["info", "warning", "critical"]] = Field(default=["critical"], alias="except")
    """What is sent all the same; critical always is. [critical]."""


class Budget(Part):
    """How often people are woken."""

    pages: Annotated[int, Field(ge=1, le=100)] | None = None
    """So many critical alerts reach `escalate_to` in a shift. 2."""
    shift: Duration | None = None
    """How long that is, counted back from each of them. 12h."""


class Heartbeat(Part):
    """Who outside hears that all is well, and calls people when it does not. Not scaled: the outside has a clock."""

    url: str
    """The address that is called, as a reference: whoever knows it can say that all is well."""
    every: Duration
    """How often; what is said to the outside as its period."""
    grace: Duration
    """How long the outside waits beyond that before it calls people."""


class Alerts(Part):
    """How loudly."""

    group_wait: Duration | None = None
    """What is over within it is never told. 30s."""
    repeat: Annotated[list[Duration], Field(min_length=1, max_length=20)] | None = None
    """When what goes on is told again. [1d, 3d, 7d]."""
    digest: Digest | None = None
    """A table of all that is open, at `at` on `days`; what is info is told in it only. None: info is told at once."""
    quiet_hours: QuietHours | None = None
    """From `from` to `to`, only what `except` names is sent; the rest when they are over. None."""
    budget: Budget | None = None
    """How many critical alerts reach whom they escalate to in a shift; one more message stands for the rest."""
    heartbeat: Heartbeat | None = None
    """Who outside hears that all is well, and how often."""


class TrailSource(Part):
    """Where AWS's records of who called what come from."""

    kind: Literal["sqs", "s3", "lookup-events"]
    """`sqs`: EventBridge's messages; `s3`: notices of log files; `lookup-events`: CloudTrail is asked."""
    queue: str | None = None
    """The ARN of the queue that messages or notices wait in. Required for `sqs` and `s3`."""
    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")] | None = None
    """The bucket of the log files; files of others are not read. Required for `s3`, in the queue's region."""


class Reader(Part):
    """Who may read what, and when. The first that fits holds."""

    name: str
    """What people call it."""
    role: str | None = None
    """The role's name, or its path and name, with `{env}` and `*`. Of the account of the parameters."""
    principal: str | None = None
    """Instead of `role`, anybody: a user's ARN, a role's of another account, a service, with `{env}` and `*`."""
    during: Literal["always", "deployment", "rotation"]
    """`always`; near a start of a workload with that role; or `rotation`, which is rotator itself."""
    only_in: list[str] | None = None
    """The environments that it speaks of. All."""
    secrets: list[str] | None = None
    """Globs of names of `secrets`. All."""
    source: Annotated[list[str] | None, Field(alias="from")] = None
    """VPC endpoints (`vpce-…`) and networks (`10.0.0.0/16`) that it reads from. Anywhere."""
    slack_after: Duration | None = None
    """With `deployment`: how long after a start reading is expected. 15m."""
    notify: Literal["low"] | None = None
    """`low`: reading is expected and told quietly."""


class BulkRead(Part):
    """How many reads are too many."""

    more_than: Annotated[int, Field(ge=1)]
    """So many secrets."""
    within: Duration
    """In so short a time."""


class Access(Part):
    """Who may read the parameters, and when."""

    source: TrailSource | None = None
    """Where AWS's records come from. Without it nothing is watched."""
    allow: list[Reader] = Field(default_factory=list)
    """Who may read, and when; the first that fits holds."""
    bulk_read: BulkRead | None = None
    """How many secrets one principal may read unexpectedly. `more_than`, 10; `within`, 1h."""
    hold: Duration | None = None
    """How long records are waited for before they are judged. 10m."""
    learn_until: Moment | None = None
    """The last day (UTC) on which reads that a rule could allow are kept quiet, to be shown together afterwards."""
