"""A rotation is a row: which credential it replaces, where it stands and what it has written down so far.

Phase names are a public, append-only vocabulary: a row written by one version is finished by another.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from rotator.model.policy import Recipe


class Phase(StrEnum):
    """Where a rotation stands, under the four headings of the operator's runbook, and the way back."""

    # 1 update at source
    PLAN = "plan"
    TIDY = "tidy"
    CREATE = "create"
    READY = "ready"
    ACTIVATE = "activate"
    VERIFY = "verify"
    # 2 push to the store
    ANNOUNCE = "announce"
    STORE = "store"
    # 3 redeploy
    REDEPLOY = "redeploy"
    CONFIRM = "confirm"
    # 4 invalidate the old
    GRACE = "grace"
    DISABLE = "disable"
    FORGET = "forget"
    PROVE = "prove"
    QUARANTINE = "quarantine"
    REMOVE = "remove"
    # undo
    RESTORE = "restore"
    RECONFIRM = "reconfirm"
    WITHDRAW = "withdraw"
    DISCARD = "discard"
    DISPROVE = "disprove"

    @property
    def heading(self) -> str:
        """The operator's heading that this phase stands under."""
        return _HEADING[self]


_HEADING = {
    phase: heading
    for heading, phases in {
        "update at source": "plan tidy create ready activate verify",
        "push to the store": "announce store",
        "redeploy": "redeploy confirm",
        "invalidate the old": "grace disable forget prove quarantine remove",
        "undo": "restore reconfirm withdraw discard disprove",
    }.items()
    for phase in (Phase(word) for word in phases.split())
}

#: Phases in which the successor may still change what consumers read: their workload counts them (max_concurrent).
BEFORE_CONFIRMED = frozenset(
    {
        Phase.PLAN, Phase.TIDY, Phase.CREATE, Phase.READY, Phase.ACTIVATE, Phase.VERIFY,
        Phase.ANNOUNCE, Phase.STORE, Phase.REDEPLOY, Phase.CONFIRM,
    }
)  # fmt: skip
#: Phases of the way back.
UNDOING = frozenset({Phase.RESTORE, Phase.RECONFIRM, Phase.WITHDRAW, Phase.DISCARD, Phase.DISPROVE})


class State(StrEnum):
    """How a rotation stands as a whole. Active and parked ones hold their principal."""

    ACTIVE = "active"
    PARKED = "parked"
    DONE = "done"
    UNDONE = "undone"


class Priority(StrEnum):
    """Emergencies ignore windows, freezes, soak and max_concurrent."""

    NORMAL = "normal"
    EMERGENCY = "emergency"


class Reason(StrEnum):
    """Why a rotation waits, was undone or is parked: our own words, never those of an exception."""

    # waiting
    RETRYING = "retrying"
    LISTING = "listing"  # a lost answer may have minted: the source's listing bound passes first
    PROPAGATING = "propagating"
    ROLLING_OUT = "rolling_out"
    GRACE = "grace"
    STILL_USED = "still_used"
    WINDOW = "window"
    PAUSED = "paused"
    AWAITING_YES = "awaiting_yes"
    AWAITING_END = "awaiting_end"  # a person has to end the old one at the source, which still accepts it
    SETTLING = (
        "settling"  # a claim was lost, or an answer given up: the life of a signed request passes first
    )
    QUARANTINE = "quarantine"
    OTHERS = "others"  # max_concurrent of the workload
    NOT_OURS = "not_ours"  # another installation owns the environment, or nobody has looked twice yet
    # undone
    NOT_ACCEPTED = "not_accepted"  # the source refused the successor
    SOURCE_REFUSED = "source_refused"
    STORE_REFUSED = "store_refused"
    ROLLOUT_FAILED = "rollout_failed"
    NOT_SEEN = "not_seen"  # the rollout finished and consumers are not on the successor
    NOT_ACCEPTED_BY_VERIFIERS = "not_accepted_by_verifiers"
    NOT_USABLE = (
        "not_usable"  # what a person submitted cannot be a successor: the one in use, too long, another kind
    )
    ROLLED_BACK = "rolled_back"
    # parked
    NO_FREE_SLOT = "no_free_slot"
    UNKNOWN_AT_SOURCE = "unknown_at_source"
    DRIFT = "drift"
    RACED = "raced"
    UNREADABLE = "unreadable"  # the parameter that should hold all fields is no JSON object that has them
    NOTHING_TO_RETURN_TO = "nothing_to_return_to"
    RECONFIRM_FAILED = "reconfirm_failed"
    UNSEEN = "unseen"  # use cannot be seen and the policy does not accept that
    STILL_ALIVE = "still_alive"  # the old credential works after it was invalidated
    SUCCESSOR_DEAD = "successor_dead"
    LEFT_POLICY = "left_policy"
    NO_ACCEPTED_SET = "no_accepted_set"
    PREDECESSOR_UNKNOWN = "predecessor_unknown"
    NEITHER_WORKS = "neither_works"
    BUG = "bug"  # an exception nobody declared


class Evidence(StrEnum):
    """The best proof that consumers are on the successor."""

    REPORTED = "reported"
    TRAIL = "trail"
    SOURCE = "source"
    ASSUMED = "assumed"


class Death(StrEnum):
    """How we know that a credential is dead."""

    TRIED = "tried"
    LISTED_GONE = "listed-gone"
    PROBE = "probe"
    ASSUMED = "assumed"


class Ledger(BaseModel):
    """What a rotation has written down: ids, versions and times, never a value."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    planned_fence: int | None = None  # create runs only under the claim that planned it
    predecessor_id: str | None = None
    predecessor_born_at: datetime | None = None  # as known at the start: an undo brings this age back
    submitted_by: str | None = None  # who made the successor, where a person has to
    origin: dict[str, int] = {}  # parameter -> version under which the predecessor was written first
    origin_of: dict[str, int] = {}  # ... if plan finds these versions: what we knew of may have been changed
    successor_id: str | None = None
    predecessor_works: bool | None = None
    known: tuple[str, ...] | None = None  # ids at the source before the first create
    strays: tuple[str, ...] = ()
    doubtful: tuple[str, ...] = ()  # unlabelled, never used, unknown: disabled, never removed
    gave_up_at: datetime | None = None  # a change to the store had no answer then: it may still happen, late
    swept: bool = False  # strays were looked for once more, after a claim was lost
    listing: tuple[str, ...] | None = None  # the last listing, until two in a row agree
    minting_at: datetime | None = None  # since when a mint may have happened
    mints_lost: int = 0  # how often the answer to a mint did not come
    created_fence: int | None = None  # the fence under which create ran; part of the seal's AAD
    accepted: int = 0  # acceptances in a row
    polling_since: datetime | None = None
    before: dict[str, int] = {}  # parameter -> version that held the predecessor
    wrote: dict[str, int] = {}  # parameter -> version that holds the successor
    wrote_at: datetime | None = None
    announced: int | None = None  # version of the accepted set that holds both
    announced_at: datetime | None = None
    forgot: int | None = None  # version of the accepted set that holds one of them no more
    forgot_at: datetime | None = None
    restored: dict[str, int] = {}  # parameter -> version that holds the predecessor again
    restored_at: datetime | None = None
    reconfirmed_at: datetime | None = None
    rollouts: dict[str, tuple[str, ...]] = {}  # purpose -> rollout ids
    singly: bool = False  # its rollouts are joined by nobody: it failed in company before
    confirmed_at: datetime | None = None
    evidence: Evidence | None = None
    grace_until: datetime | None = None
    unused: Evidence | None = None  # `assumed`: the source does not tell, and the policy accepts that
    disabled_at: datetime | None = None
    death: Death | None = None
    proved_at: datetime | None = None
    quarantine_until: datetime | None = None
    removed_at: datetime | None = None
    undo_reason: Reason | None = None
    undo_from: Phase | None = None
    tried_at: datetime | None = None  # when the last attempt that failed began
    failing_since: datetime | None = None  # when the first of those that failed in a row began
    strangers: int = 0  # members of the accepted set that nobody here wrote

    def having(self, **changes: Any) -> Ledger:
        """The ledger with `changes` written into it."""
        return self.model_copy(update=changes)


class Rotation(BaseModel):
    """One row, as the journal gave it out. A worker acts on it only while its claim lasts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    secret: str
    principal: str
    provider: str
    phase: Phase
    state: State = State.ACTIVE
    priority: Priority = Priority.NORMAL
    run_at: datetime
    opened_at: datetime
    ended_at: datetime | None = None
    phase_since: datetime
    claim_until: datetime | None = None
    owner: str | None = None
    fence: int = 0
    claim_lost_at: datetime | None = None  # a worker vanished in the middle of it
    approved_by: str | None = None  # who gave the yes that the last step waits for
    rolled_back_by: str | None = None  # who asked to go back to the old one, heeded while there is a way back
    attempt: int = 0
    reason: Reason | None = None
    sentence: str = ""  # for people; never a value
    recipe: Recipe
    ledger: Ledger = Ledger()
    sealed_predecessor: str | None = None
    sealed_successor: str | None = None
    data_key: str | None = None


class Event(BaseModel):
    """One line of a rotation's story."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rotation: str
    sequence: int
    at: datetime
    phase: Phase
    kind: str  # "opened", "advanced", "waits", "undo", "parked", "done", "undone", "retries", …
    sentence: str
    hash: str
    previous_hash: str


class Purpose(StrEnum):
    """What a rollout is for; the label at the platform is the rollout's id, so these are four rollouts, not one."""

    ANNOUNCE = "announce"
    REDEPLOY = "redeploy"
    FORGET = "forget"
    UNDO = "undo"


class RolloutState(StrEnum):
    """A rollout is joined while open; closed means immutable."""

    OPEN = "open"
    CLOSED = "closed"
    DONE = "done"
    FAILED = "failed"


class RolloutRow(BaseModel):
    """One rollout of one workload for all rotations that are ready for it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    workload: str  # environment/deployment
    purpose: Purpose
    state: RolloutState
    exclusive: bool = False
    opened_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    run_at: datetime
    claim_until: datetime | None = None
    owner: str | None = None
    fence: int = 0
    attempt: int = 0
    sentence: str = ""
    evidence: Evidence | None = None
    seen: dict[str, int] = {}  # parameter -> the oldest version that an instance reports
    members: tuple[str, ...] = ()  # rotation ids
