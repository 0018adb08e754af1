"""What a message offers to do, and what somebody asked by clicking on it."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Verb(StrEnum):
    """What a button does."""

    ACKNOWLEDGE = "acknowledge"
    SNOOZE = "snooze"
    RETRY = "retry"
    ROLL_BACK = "roll_back"
    ROTATE = "rotate"
    APPROVE = "approve"
    RUNBOOK = "runbook"  # a page: nothing is asked of rotator


#: How long a message may be snoozed by a click.
SNOOZES = (timedelta(hours=4), timedelta(days=1), timedelta(days=3))


class Offer(BaseModel):
    """One thing that can be done now. `about` is an id (of an alert, or of a rotation), a secret's name, or a page."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    verb: Verb
    about: str
    means: str = ""  # what will happen, a sentence; said before it is done


class Clicker(BaseModel):
    """Who clicked, as the channel knows them.

    `groups`: those of the policy's groups that they belong to. `outside`: of another company, in a channel that is
    shared with it; their id may be somebody else's here.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    name: str
    groups: tuple[str, ...] = ()
    outside: bool = False


class Click(BaseModel):
    """One click. `id` is the same however often the channel tells of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    verb: Verb
    alert: str  # its short id
    about: str  # as the offer had it
    by: Clicker
    snooze: timedelta | None = None


class Reply(BaseModel):
    """What became of a click, a sentence. What was not done is told to the clicker alone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sentence: str
    done: bool
    stale: bool = False  # the message offers what is no longer so
    aloud: bool = False  # told in the alert's thread, for all to read
    again: bool = (
        False  # this click has been taken before, here or by another replica: nobody is told anything
    )
