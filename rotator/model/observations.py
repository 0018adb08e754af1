"""What the last look at stores and sources showed; every decision about due dates starts from these."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from rotator.model.rotation import Rotation


class Behind(BaseModel):
    """A mirror that could not be given its copy."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sentence: str  # why
    since: datetime  # the first try that failed


class Observed(BaseModel):
    """One secret as the last scan and the last census saw it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    secret: str
    observed_at: datetime
    present: bool = True  # the store has its parameters
    versions: dict[str, int] = {}  # parameter -> version
    written: dict[str, dict[int, datetime]] = {}  # parameter -> version -> when it was made, of the last few
    modified_at: datetime | None = None  # the oldest of its parameters' last writes
    modified_by: str = ""
    created_at: datetime | None = None  # of the current credential, as the source shows it
    census_at: datetime | None = None
    unknown: tuple[str, ...] = ()  # ids alive at the source that nobody here knows
    trouble: str = ""  # the source could not be asked: a sentence
    behind: dict[str, Behind] = {}  # mirror -> why its copy may be missing, or an earlier one


class Surveyed(BaseModel):
    """One environment as the last scan saw it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    environment: str
    scanned_at: datetime
    agreed: bool = False  # two scans agreed, or a person looked: rotations may start
    unmanaged: tuple[str, ...] = ()
    trouble: str = ""  # the store could not be asked: a sentence
    answers_since: datetime | None = None  # when its last outage was over
    foreign_owner: str = ""  # who owns it instead of us: a sentence
    unheld: str = ""  # the owner parameter could not be read or written: a sentence
    digest: str = ""  # of names and versions, to tell whether two scans agree


#: What is paused while a drill keeps the heartbeat silent; a secret's name has a slash in it.
HEARTBEAT = "heartbeat"


class Pause(BaseModel):
    """Somebody holds a secret, or keeps the heartbeat silent, until a date."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    secret: str
    until: datetime
    by: str
    because: str


class Rejection(BaseModel):
    """Somebody said no to a rotation that waited for a yes: nobody is asked again about this credential."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    secret: str
    by: str
    because: str
    at: datetime


class History(BaseModel):
    """What the journal remembers of one secret."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    active: Rotation | None = None  # active or parked
    last_done: Rotation | None = None
    last_undone: Rotation | None = None
