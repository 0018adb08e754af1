"""Which rotations an upgrade meets: one secret for each place where one can stand, and what has become of it by then.

A phase that is not among them is not proved to survive an upgrade: a test compares them with the vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from rotator.contracts.provider import Overlap, Sight, Traits
from rotator.model.policy import Mode
from rotator.model.requests import RequestKind
from rotator.model.rotation import Death, Phase, Reason, State
from rotator.testing.memory_platform import Fate

MINTED = Traits(
    overlap=Overlap.MANY,
    mints=True,
    labels=True,
    reversible=True,
    sight=Sight.YES,
    death=Death.TRIED,
    acceptances=2,
)
#: Removing is what kills it.
REMOVED = replace(MINTED, reversible=False, death=Death.LISTED_GONE)
TOLD = replace(MINTED, overlap=Overlap.PAIR, mints=False, reversible=False)
ONLY = replace(TOLD, overlap=Overlap.NONE)
UNSEEN = replace(MINTED, sight=Sight.NO)
UNLABELLED = replace(MINTED, labels=False)
#: The labels are those that people give.
BY_HAND = replace(MINTED, mints=False, reversible=False, sight=Sight.NO, submitted=True)
#: Both ends are ours: an accepted set, and the adapter `token`.
SHARED = None

_FAILS, _HANGS = (Fate.FAILS,), (Fate.HANGS,)
_QUARANTINE = {"quarantine": timedelta(minutes=15)}


@dataclass(frozen=True)
class Place:
    """One secret, and where a rotation of it is caught. Without a phase it runs as far as it gets."""

    name: str
    kind: Traits | None
    caught: Phase | None = None
    because: Reason | None = None  # it is caught when it waits for this, else as soon as it gets there
    noted: str = ""  # ... and not before its ledger has this field
    which: int = 1  # of its rotations
    killed: bool = False  # its worker was: the claim is not given back
    lost_mint: bool = False  # and before, or right then, one was killed with the answer to its mint in hand
    fates: tuple[Fate, ...] = ()  # of its workload's rollouts, until all of them are fine
    rollout: str = ""  # its rollout is caught "open", "started" or "closed"
    workload: str = ""  # that it shares; else it has one of its own
    asked: tuple[RequestKind, ...] = ()  # what nobody has looked at yet
    mode: Mode = Mode.AUTO
    strangers: int = 0  # members of its accepted set that somebody else wrote
    recipe: Mapping[str, Any] = field(default_factory=dict)
    begun: bool = True  # before the upgrade
    ends: State = State.DONE  # after it

    @property
    def secret(self) -> str:
        """environment/NAME."""
        return f"production/{self.name}"

    @property
    def reads(self) -> str:
        """The workload that reads it."""
        return f"production/{self.workload or self.name.lower()}"


PLACES = (
    # 1 update at source
    Place("PLAN", MINTED, Phase.PLAN),
    Place("PLAN_KILLED", TOLD, Phase.PLAN, killed=True),
    Place("PLAN_LISTING", MINTED, Phase.PLAN, Reason.LISTING, lost_mint=True),
    Place("PLAN_LISTED", MINTED, Phase.PLAN, Reason.LISTING, noted="listing", lost_mint=True),
    Place("PLAN_RETRYING", MINTED, Phase.PLAN, Reason.RETRYING, noted="mints_lost"),
    Place("PLAN_SUBMITTED", BY_HAND, Phase.PLAN, noted="submitted_by"),
    Place("TIDY", MINTED, Phase.TIDY),
    Place("TIDY_MINTED_UNRECORDED", MINTED, Phase.TIDY, killed=True, lost_mint=True),
    Place("TIDY_A_STRAY", MINTED, Phase.TIDY, noted="strays", lost_mint=True),
    Place("TIDY_A_DOUBT", UNLABELLED, Phase.TIDY, noted="doubtful", lost_mint=True),
    Place("CREATE", MINTED, Phase.CREATE, lost_mint=True),
    Place("READY", ONLY, Phase.READY),
    Place("ACTIVATE", TOLD, Phase.ACTIVATE),
    Place("ACTIVATE_KILLED", MINTED, Phase.ACTIVATE, killed=True),
    Place("ACTIVATE_ONLY", ONLY, Phase.ACTIVATE),
    Place("VERIFY", MINTED, Phase.VERIFY, Reason.PROPAGATING),
    Place("VERIFY_ONLY", ONLY, Phase.VERIFY),
    Place("VERIFY_RETRYING", TOLD, Phase.VERIFY, Reason.RETRYING, asked=(RequestKind.RETRY,)),
    # 2 push to the store
    Place("ANNOUNCE", SHARED, Phase.ANNOUNCE),
    Place("ANNOUNCE_ROLLING", SHARED, Phase.ANNOUNCE, Reason.ROLLING_OUT, killed=True),
    Place("ANNOUNCE_STRANGERS", SHARED, Phase.ANNOUNCE, noted="strangers", strangers=1),
    Place("STORE", TOLD, Phase.STORE),
    Place("STORE_TWO_FIELDS", MINTED, Phase.STORE, killed=True, recipe={"torn_ok": True}),
    Place("STORE_PAUSED", MINTED, Phase.STORE, Reason.PAUSED, asked=(RequestKind.RESUME,)),
    # 3 redeploy
    Place("REDEPLOY", MINTED, Phase.REDEPLOY),
    Place("REDEPLOY_ONLY", ONLY, Phase.REDEPLOY, killed=True),
    Place("CONFIRM", MINTED, Phase.CONFIRM),
    Place("CONFIRM_OPEN", TOLD, rollout="open"),
    Place("CONFIRM_STARTED", MINTED, rollout="started"),
    Place("CONFIRM_HANGING", MINTED, fates=_HANGS, rollout="started", workload="busy", ends=State.UNDONE),
    Place("CONFIRM_IN_LINE", MINTED, rollout="closed", workload="busy"),
    Place(
        "CONFIRM_ALONE",
        MINTED,
        Phase.CONFIRM,
        noted="singly",
        which=2,
        fates=_FAILS,
        recipe={"cooldown": timedelta(minutes=1)},
    ),
    # 4 invalidate the old
    Place("GRACE", MINTED, Phase.GRACE, asked=(RequestKind.ROTATE,)),
    Place("GRACE_HURRIED", TOLD, Phase.GRACE, Reason.GRACE, asked=(RequestKind.EMERGENCY,)),
    Place("GRACE_TAKEN_BACK", TOLD, Phase.GRACE, asked=(RequestKind.ROLL_BACK,), ends=State.UNDONE),
    Place("GRACE_IN_USE", MINTED, Phase.GRACE, Reason.STILL_USED),
    Place("GRACE_UNSEEN", UNSEEN, Phase.GRACE, noted="unused", recipe={"accept_unseen": True}),
    Place("DISABLE", MINTED, Phase.DISABLE, asked=(RequestKind.PAUSE,)),
    Place("DISABLE_KILLED", TOLD, Phase.DISABLE, killed=True),
    Place("DISABLE_SETTLING", MINTED, Phase.DISABLE, Reason.SETTLING, noted="gave_up_at"),
    Place("FORGET", MINTED, Phase.FORGET),
    Place("FORGET_SHARED", SHARED, Phase.FORGET, Reason.ROLLING_OUT),
    Place(
        "FORGET_OUTSIDE",
        SHARED,
        Phase.FORGET,
        Reason.AWAITING_YES,
        asked=(RequestKind.APPROVE,),
        recipe={"external_consumers": True},
    ),
    Place("PROVE", SHARED, Phase.PROVE),
    Place("PROVE_REMOVED", REMOVED, Phase.PROVE),
    Place("PROVE_ONLY", ONLY, Phase.PROVE, killed=True),
    Place("PROVE_SUBMITTED", BY_HAND, Phase.PROVE, Reason.AWAITING_END),
    Place("QUARANTINE", MINTED, Phase.QUARANTINE, recipe=_QUARANTINE),
    Place("QUARANTINE_WAITING", MINTED, Phase.QUARANTINE, Reason.QUARANTINE, recipe=_QUARANTINE),
    Place("REMOVE", MINTED, Phase.REMOVE),
    Place("REMOVE_SWEPT", REMOVED, Phase.REMOVE, noted="swept", lost_mint=True),
    # undo
    Place("RESTORE", MINTED, Phase.RESTORE, fates=_FAILS, ends=State.UNDONE),
    Place("RESTORE_KILLED", TOLD, Phase.RESTORE, killed=True, fates=_FAILS, ends=State.UNDONE),
    Place("RECONFIRM", MINTED, Phase.RECONFIRM, fates=_FAILS, ends=State.UNDONE),
    Place("RECONFIRM_ROLLING", TOLD, Phase.RECONFIRM, Reason.ROLLING_OUT, fates=_FAILS, ends=State.UNDONE),
    Place("WITHDRAW", SHARED, Phase.WITHDRAW, Reason.GRACE, fates=(Fate.FINE, *_FAILS), ends=State.UNDONE),
    Place("DISCARD", MINTED, Phase.DISCARD, fates=_FAILS, ends=State.UNDONE),
    Place("DISCARD_KILLED", TOLD, Phase.DISCARD, killed=True, fates=_FAILS, ends=State.UNDONE),
    Place("DISPROVE", MINTED, Phase.DISPROVE, fates=_FAILS, ends=State.UNDONE),
    # parked: a person has looked, and said so
    Place("PARKED_UNSEEN", UNSEEN, asked=(RequestKind.APPROVE, RequestKind.ACKNOWLEDGE)),
    Place("PARKED_FULL", MINTED, asked=(RequestKind.APPROVE, RequestKind.SNOOZE)),
    Place("PARKED_RECONFIRM", MINTED, asked=(RequestKind.APPROVE,), fates=_FAILS * 2, ends=State.UNDONE),
    # ended before
    Place("DONE", MINTED),
    Place("DONE_SHARED", SHARED),
    Place("UNDONE", TOLD, fates=_FAILS, ends=State.UNDONE),
    # not begun
    Place("YOUNG", SHARED, begun=False, asked=(RequestKind.PREPARE, RequestKind.TAKE_OVER)),
    Place("SUBMITTED", BY_HAND, begun=False, asked=(RequestKind.SUBMIT,)),
    Place("UNWANTED", MINTED, begun=False, mode=Mode.APPROVE, asked=(RequestKind.ROTATE, RequestKind.REJECT)),
)
