"""Who read what: one call that touches parameters, as a trail of AWS tells it, and what rotator finds in it.

Nothing here depends on where a record came from: EventBridge, a log file and LookupEvents tell the same calls. No value
is ever in one; AWS hides those that are written, and never records those that are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from rotator.model.alerts import Severity


class Act(StrEnum):
    """What a call does with a parameter."""

    READ = "read"
    READ_HISTORY = "read-history"  # every value that it ever had
    WRITE = "write"  # puts, deletes, moves a label


class Outcome(StrEnum):
    """How a call ended."""

    DONE = "done"
    DENIED = "denied"  # AWS said that this principal may not
    FAILED = (
        "failed"  # for any other reason (throttled, not found, malformed): nothing was given, nothing changed
    )


@dataclass(frozen=True, slots=True)
class Principal:
    """Who called. Of a role it is the role, never the session: the session's name is the caller's own choice."""

    name: str  # the ARN of the role or the user, root's ARN, a service's host name, or account/id of a foreign one
    identity: str  # userIdentity.type, e.g. AssumedRole
    account: str = ""  # that it belongs to; empty for services
    role: str = ""  # the role's name without its path; empty for everything but roles
    session: str = ""  # the session's name, for people who read about it

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Asked:
    """One parameter that a call names, in the one form that names are compared in."""

    parameter: str  # full name with a slash in front; no ARN, no `:version`, no `:label`
    account: str = ""  # where it is; empty where the record does not tell
    version: int | None = None  # that was asked for by number; of a write, the one that it made
    label: str = ""  # that was asked for by name


@dataclass(frozen=True, slots=True)
class Subtree:
    """What GetParametersByPath was asked for. The names that it returned are in no record."""

    path: str  # with a slash in front and none behind; empty for the root
    recursive: bool
    account: str = ""

    def holds(self, parameter: str) -> bool:
        """Whether the call returns this parameter, if it is there."""
        inside, slash, rest = parameter.partition(f"{self.path}/")
        return not inside and bool(slash) and (self.recursive or "/" not in rest)


@dataclass(frozen=True, slots=True)
class Access:
    """One call that touches parameters."""

    event_id: str
    at: datetime  # when AWS took the call, UTC
    api: str  # e.g. GetParameter
    act: Act
    outcome: Outcome
    principal: Principal
    asked: tuple[Asked, ...] = ()
    subtree: Subtree | None = None
    account: str = ""  # whose record this is (recipientAccountId)
    region: str = ""
    error: str = ""  # AWS's own code, of what was denied or failed
    shared_id: str = ""  # two accounts that record one call give it the same
    source_ip: str = ""  # an address, or the host name of the service that called
    vpc_endpoint: str = ""
    user_agent: str = ""
    invoked_by: str = ""  # the service that called for the principal
    decrypts: bool = True  # False where the call said that it wants no value of a SecureString
    by_console: bool = False  # its credentials are those of a session in the console


class AccessKind(StrEnum):
    """What was found. Each is an alert with a page of its own."""

    UNKNOWN_ACTOR = "unknown_actor"  # no rule allows this principal
    ACCESS_OUTSIDE_DEPLOYMENT = "access_outside_deployment"  # allowed near a start only, and nothing started
    HISTORY_READ = "history_read"  # every value that a parameter ever had
    OLD_VERSION_READ = "old_version_read"  # a value that is not the current one
    BULK_READ = "bulk_read"  # many secrets in a short time
    DENIED_READ = "denied_read"  # AWS said no
    DRIFT = "drift"  # written by anyone but rotator


@dataclass(frozen=True, slots=True)
class AccessFinding:
    """One thing that a person should know of one call."""

    event_id: str
    at: datetime
    kind: AccessKind
    severity: Severity
    principal: Principal
    secrets: tuple[str, ...]  # environment/NAME, sorted; empty where the record names nothing
    rule: str  # the name of the allow rule that was looked at; empty where none speaks of this principal
    why: str  # a sentence
