"""How a secret stands, and everything that this is decided from. The checks themselves are in due.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from rotator.engine.ages import Age, age_of, due_at, present
from rotator.engine.yes import ASKED, yes_among
from rotator.model.observations import History, Observed, Pause, Rejection, Surveyed
from rotator.model.policy import EnvironmentPolicy, Mode, SecretPolicy
from rotator.model.requests import Request, RequestKind
from rotator.model.rotation import Rotation


class Standing(StrEnum):
    """How a secret stands."""

    FOREIGN = "foreign"  # another installation owns the environment
    UNSURVEYED = "unsurveyed"  # not two scans agree yet
    MISSING = "missing"
    PAUSED = "paused"
    EXEMPT = "exempt"
    OBSERVED = "observed"  # watched only
    ACTIVE = "active"
    PARKED = "parked"
    REQUESTED = "requested"
    FRESH = "fresh"
    COOLING_DOWN = "cooling_down"
    AWAITING_YES = "awaiting_yes"  # mode: approve
    REJECTED = "rejected"  # the same, and somebody said no
    AWAITING_VALUE = "awaiting_value"  # a person has to make the successor and submit it
    WINDOW = "window"
    FREEZE = "freeze"
    SOAK = "soak"
    NEVER_ROTATED = "never_rotated"
    TOO_OLD = "too_old"
    WANTED = "wanted"  # another environment waits for this one to prove the rotation


#: Standings in which a rotation is to be opened.
DUE = frozenset({Standing.REQUESTED, Standing.NEVER_ROTATED, Standing.TOO_OLD, Standing.WANTED})
#: Due, and held back.
HELD = frozenset(
    {
        Standing.COOLING_DOWN,
        Standing.AWAITING_YES,
        Standing.REJECTED,
        Standing.AWAITING_VALUE,
        Standing.WINDOW,
        Standing.FREEZE,
        Standing.SOAK,
        Standing.PAUSED,
    }
)
#: Requests that a rotation answers, the weightiest first.
ANSWERED_BY_ROTATING = (
    RequestKind.EMERGENCY,
    RequestKind.SUBMIT,
    RequestKind.ROTATE,
    RequestKind.APPROVE,
)


@dataclass(frozen=True, slots=True)
class Decision:
    """What the chain said: how the secret stands, why, and until when if it waits."""

    standing: Standing
    sentence: str
    until: datetime | None = None

    @property
    def due(self) -> bool:
        """Whether a rotation is to be opened now."""
        return self.standing in DUE


@dataclass(frozen=True, slots=True)
class Gathered:
    """Everything the chain looks at."""

    now: datetime
    policy: SecretPolicy
    environment: EnvironmentPolicy
    history: History
    observed: Observed | None
    surveyed: Surveyed | None
    pause: Pause | None = None
    rejection: Rejection | None = None  # of the credential in use
    requests: tuple[Request, ...] = ()  # waiting, for this secret, answered by a rotation; oldest first
    proof: History | None = None  # the secret's in the environment that goes first; None: none goes first
    wanted_by: str = ""  # the secret of another environment that is due and waits for this one

    @property
    def age(self) -> Age | None:
        """The credential's age."""
        return age_of(self.history, self.observed)

    @property
    def versions(self) -> Mapping[str, int]:
        """What the store has, as far as we know: parameter -> version."""
        return present(self.history, self.observed)

    @property
    def past_due(self) -> bool:
        """Whether its date has come."""
        return self.age is not None and self.now >= due_at(self.policy, self.age)

    @property
    def request(self) -> Request | None:
        """The weightiest of the waiting requests, the oldest of its kind."""
        return min(self.requests, key=lambda one: ANSWERED_BY_ROTATING.index(one.kind), default=None)

    @property
    def asked(self) -> Request | None:
        """The oldest of the requests that somebody else has to say yes to; None where the policy wants no yes."""
        wanted = self.requests if self.policy.mode is Mode.APPROVE else ()
        return next((one for one in wanted if one.kind in ASKED), None)

    @property
    def consent(self) -> Request | None:
        """The yes that counts, of those that wait."""
        return yes_among(self.policy, self.requests)

    @property
    def submission(self) -> Request | None:
        """The newest of the successors that people submitted."""
        submitted = [one for one in self.requests if one.kind is RequestKind.SUBMIT]
        return submitted[-1] if submitted else None


def rotate_command(secret: str, *, by_hand: bool) -> str:
    """The command that brings a secret a new credential; `by_hand`: a person makes it."""
    return f"rotator {'submit' if by_hand else 'rotate'} {secret}"


def setback(history: History) -> Rotation | None:
    """The last rotation that ended, if it was undone."""
    done, undone = history.last_done, history.last_undone
    if undone is None or undone.ended_at is None:
        return None
    since_then = done is not None and done.ended_at is not None and done.ended_at > undone.ended_at
    return None if since_then else undone
