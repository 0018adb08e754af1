"""What a person asked for. A request is kept until it is settled, never dropped because something is busy."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class RequestKind(StrEnum):
    """What was asked."""

    ROTATE = "rotate"
    EMERGENCY = "emergency"  # the credential is compromised: no grace, no windows
    APPROVE = "approve"
    PAUSE = "pause"
    RESUME = "resume"
    RETRY = "retry"  # a rotation that backs off tries now
    ROLL_BACK = "roll_back"
    PREPARE = "prepare"  # an accepted set, before the first rotation
    TAKE_OVER = "take_over"
    SUBMIT = "submit"  # a person made the successor, and here it is, sealed


class RequestState(StrEnum):
    """How far it got."""

    WAITING = "waiting"
    TAKEN = "taken"
    REFUSED = "refused"


class Request(BaseModel):
    """One request: `about` is a secret (environment/NAME), a rotation id or an environment.

    What a person submitted is in it, sealed, until it is settled: then its rotation has it, or nobody.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    kind: RequestKind
    about: str
    by: str
    because: str = ""
    until: datetime | None = None
    at: datetime
    state: RequestState = RequestState.WAITING
    sentence: str = ""  # what became of it
    rotation: str | None = None  # the rotation it became
    sealed: str | None = Field(default=None, exclude=True, repr=False)  # what was submitted
    data_key: str | None = Field(default=None, exclude=True, repr=False)  # that opens it, wrapped
