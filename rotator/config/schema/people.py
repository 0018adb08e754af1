"""Who is told, how loudly, and who may read."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from rotator.config.schema.rules import Part
from rotator.config.spelling import Day, Duration, TimeOfDay, Timezone


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
    """The page outside that notices when we are silent."""

    url: str
    """Its address, as a reference."""
    every: Duration
    """How often it hears from us."""
    grace: Duration
    """How long it waits beyond that."""


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
    """Nothing acts on it yet."""


class TrailSource(Part):
    """Where read events come from."""

    kind: Literal["sqs"]
    """The kind of source."""
    queue: str
    """The ARN of the queue."""


class Reader(Part):
    """Who may read, and when."""

    name: str
    """What people call it."""
    role: str
    """The role, with `{env}` and `*`."""
    during: Literal["always", "deployment", "rotation"]
    """When reading is expected."""
    slack_after: Duration | None = None
    """How long after that it still is."""
    notify: Literal["low"] | None = None
    """`low`: reading is expected and told quietly."""


class BulkRead(Part):
    """How many reads are too many."""

    more_than: Annotated[int, Field(ge=1)]
    """So many parameters."""
    within: Duration
    """In so short a time."""


class Access(Part):
    """Who may read the parameters, and when."""

    source: TrailSource | None = None
    """Where read events come from."""
    allow: list[Reader] = Field(default_factory=list)
    """Who may read, and when."""
    bulk_read: BulkRead | None = None
    """How many reads are too many."""
