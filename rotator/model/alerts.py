"""What a person is told: an alert has one identity from its first message to the one that closes it."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict

from rotator.model.alert_ids import alert_id
from rotator.model.requests import Via

#: AlertRow.told of an address: nothing, a severity, that it is over; or that it was, before it opened again; or that it
#: waits for a page to be left.
TOLD_NOTHING: Final = 0
TOLD_CLOSED: Final = 9
TOLD_CLOSED_BEFORE: Final = -1
TOLD_LATER: Final = -2
#: What is so again this soon after it was over is the same alert, in the same conversation.
REOPENS_WITHIN: Final = timedelta(hours=24)
#: Whoever acknowledged what is critical is asked again after this.
CRITICAL_RETURNS_AFTER: Final = timedelta(hours=24)
#: A snooze has an end.
LONGEST_SNOOZE: Final = timedelta(days=7)


class Severity(IntEnum):
    """How loudly; a rise is told again."""

    INFO = 1
    WARNING = 2
    CRITICAL = 3


class AlertKind(StrEnum):
    """What happened. Each has a page under docs/how-to."""

    DUE_SOON = "due_soon"
    OVERDUE = "overdue"
    ROTATION_FAILED = "rotation_failed"  # attempts fail; it goes on trying
    STUCK = "stuck"  # nothing fails, and it does not get on
    ROLLOUT_FAILED = "rollout_failed"
    UNDONE = "undone"
    PARKED = "parked"
    DRIFT = "drift"
    UNKNOWN_CREDENTIAL = "unknown_credential"
    POLICY_REJECTED = "policy_rejected"
    APPROVAL_WANTED = "approval_wanted"
    BY_HAND = "by_hand"  # only a person can make, or end, a credential at its source
    STILL_USED = "still_used"
    STILL_ALIVE = "still_alive"
    WRITTEN_NOT_ROTATED = "written_not_rotated"
    UNMANAGED = "unmanaged"
    MIRROR_OUT_OF_SYNC = (
        "mirror_out_of_sync"  # a copy is missing, or an earlier one, and could not be written
    )
    UNREACHABLE = "unreachable"  # SSM, KMS, a source, a channel: one message for all secrets it holds up
    FOREIGN_OWNER = "foreign_owner"
    MISSING = "missing"  # the policy names parameters that the store does not have
    DELIVERY_FAILED = "delivery_failed"  # an address hears nothing; told through the others
    UNKNOWN_ACTOR = "unknown_actor"  # somebody read a secret, and no rule of the policy allows it
    ACCESS_OUTSIDE_DEPLOYMENT = "access_outside_deployment"  # allowed near a start only, and nothing started
    HISTORY_READ = "history_read"  # every value that a parameter ever had
    OLD_VERSION_READ = "old_version_read"
    BULK_READ = "bulk_read"  # many secrets in a short time
    DENIED_READS = "denied_reads"
    READS_LEARNED = "reads_learned"  # what a rule could allow was kept quiet, and is to be looked at
    TRAIL_SILENT = "trail_silent"  # who reads what is not told any more: rotator's own reads do not appear
    JOURNAL_AWAY = "journal_away"  # told by each process itself: every other alert lives in the journal
    AUDIT_BROKEN = "audit_broken"  # the record is not as it was written; told by whoever has read all of it
    DIGEST = "digest"  # what is open, as a table, at the times of policies.yaml; its end is never told
    PAGES_HELD = (
        "pages_held"  # critical ones that were not told to whom they escalate: the budget of pages is spent
    )


class AlertState(StrEnum):
    """Where an alert stands in its life; computed, never written down."""

    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"
    SNOOZED = "snoozed"
    RESOLVED = "resolved"


class Hush(BaseModel):
    """What somebody answered to an alert: I am on it, or not now. It is not repeated until that ends.

    It ends at `until`, when the alert gets louder than they had heard, and (unless it is a snooze) when it is over.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: AlertState  # ACKNOWLEDGED or SNOOZED
    by: str
    via: Via = Via.CLI
    because: str = ""
    at: datetime
    until: datetime | None = None
    severity: Severity  # the loudest that had been told by then


class Alert(BaseModel):
    """One alert as a channel delivers it. No value and no fingerprint of one is ever in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    identity: str  # kind + secret + what it is about; the dedup key, at most 255 characters
    kind: AlertKind
    severity: Severity
    environment: str = ""
    secret: str = ""  # environment/NAME; empty for alerts about the installation
    rotation: str = ""
    owner: str = ""
    title: str  # what happened, one line
    facts: dict[str, str] = {}  # Step, Impact, Age, Next, … in the order shown
    action: str = ""  # the one thing for the reader: a command or a link
    opened_at: datetime
    closed_at: datetime | None = None
    closing: str = ""  # how it ended and how long it took
    hush: Hush | None = None  # the answer that holds, as it is delivered; the engine posts none
    members: tuple[
        Alert, ...
    ] = ()  # of a message about several: those that it tells of, each with its own life
    beside: tuple[
        Alert, ...
    ] = ()  # told in the same conversation before, and not over: no news, part of the picture

    @property
    def id(self) -> str:
        """What people call it: short enough to be typed, and the same for as long as its identity is."""
        return alert_id(self.identity)

    @property
    def closed(self) -> bool:
        """Whether this message closes the alert."""
        return self.closed_at is not None


class Receipt(BaseModel):
    """What a channel keeps of a message to edit it or to answer in its thread, e.g. Slack's channel and ts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: dict[str, str] = {}
    # The outbox's own, whatever the channel:
    thread: str = ""  # the conversation that it shares with others that were told in one message
    told_at: datetime | None = None  # when it was last told there that it is so
    critical: bool = False  # whether it was ever told there that it is critical


class AlertRow(BaseModel):
    """One alert in the outbox, with how far each address has been told."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    alert: Alert
    told: dict[str, int] = {}  # "channel:address" -> a severity, or one of TOLD_…
    receipts: dict[str, Receipt] = {}  # by the same key
    hush: Hush | None = None  # the last answer of a person, also one that has ended
    shown: dict[str, datetime] = {}  # by the same key: when the answer was given that its message shows
    failures: dict[str, str] = {}  # by the same key: what the last attempt met, until one succeeds
    repeats: int = 0
    last_told_at: datetime | None = None
    attempt: int = 0
    run_at: datetime
    claim_until: datetime | None = None
    owner: str | None = None
    fence: int = 0

    def hushed(self, now: datetime) -> Hush | None:
        """The answer that holds; None when there is none, or it has ended."""
        hush = self.hush
        if hush is None or self.alert.closed or self.alert.severity > hush.severity:
            return None
        return None if hush.until is not None and now >= hush.until else hush

    def state(self, now: datetime) -> AlertState:
        """Where it stands in its life."""
        if self.alert.closed:
            return AlertState.RESOLVED
        hush = self.hushed(now)
        return hush.state if hush else AlertState.FIRING
