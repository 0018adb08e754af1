"""What a person asked for. A request is kept until it is settled, never dropped because something is busy."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class Via(StrEnum):
    """How somebody reached rotator, and so who says that it was them: the terminal's user, or Slack."""

    CLI = "cli"
    SLACK = "slack"


class RequestKind(StrEnum):
    """What was asked."""

    ROTATE = "rotate"
    EMERGENCY = "emergency"  # the credential is compromised: no grace, no windows
    APPROVE = "approve"
    REJECT = "reject"  # the no instead of the yes that something waits for
    PAUSE = "pause"
    RESUME = "resume"
    RETRY = "retry"  # a rotation that backs off tries now
    ROLL_BACK = "roll_back"
    PREPARE = "prepare"  # an accepted set, before the first rotation
    TAKE_OVER = "take_over"
    SUBMIT = "submit"  # a person made the successor, and here it is, sealed
    ACKNOWLEDGE = "acknowledge"  # an alert: somebody is on it
    SNOOZE = "snooze"  # an alert: not before `until`


class RequestState(StrEnum):
    """How far it got."""

    WAITING = "waiting"
    TAKEN = "taken"
    REFUSED = "refused"


class Basis(BaseModel):
    """What a plan was made from, as far as it is about one secret: its rotation begins only while that is so."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    planned_at: datetime
    policy_version: str
    versions: dict[str, int]  # parameter -> version


class Request(BaseModel):
    """One request: `about` is a secret (environment/NAME), a rotation id, an environment or an alert's identity.

    What a person submitted is in it, sealed, until it is settled: then its rotation has it, or nobody.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    kind: RequestKind
    about: str
    by: str
    via: Via = Via.CLI
    because: str = ""
    until: datetime | None = None
    basis: Basis | None = None  # of the plan that was applied; None: asked for whatever is there by then
    at: datetime
    state: RequestState = RequestState.WAITING
    sentence: str = ""  # what became of it
    rotation: str | None = None  # the rotation it became
    sealed: str | None = Field(default=None, exclude=True, repr=False)  # what was submitted
    data_key: str | None = Field(default=None, exclude=True, repr=False)  # that opens it, wrapped
