"""What a person is told: an alert has one identity from its first message to the one that closes it."""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum, StrEnum

from pydantic import BaseModel, ConfigDict


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
    TRAIL_SILENT = "trail_silent"  # who reads what is not told any more: rotator's own reads do not appear
    JOURNAL_AWAY = "journal_away"  # told by each process itself: every other alert lives in the journal


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

    @property
    def closed(self) -> bool:
        """Whether this message closes the alert."""
        return self.closed_at is not None


class Receipt(BaseModel):
    """What a channel keeps of a message to edit it or to answer in its thread, e.g. Slack's channel and ts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: dict[str, str] = {}


class AlertRow(BaseModel):
    """One alert in the outbox, with how far each address has been told."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    alert: Alert
    told: dict[str, int] = {}  # "channel:address" -> 0 nothing, 1..3 severity told, 9 told that it closed
    receipts: dict[str, Receipt] = {}  # by the same key
    repeats: int = 0
    last_told_at: datetime | None = None
    attempt: int = 0
    run_at: datetime
    claim_until: datetime | None = None
    owner: str | None = None
    fence: int = 0
