"""The watch over who reads what: how far it has looked, and what it saw that a person should know of."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from rotator.model.access import Access, AccessFinding, AccessKind
from rotator.model.alerts import Severity

#: A sighting names so many secrets (all of them have to be made new), and keeps so many accesses to judge them anew.
MOST_SECRETS, MOST_SAMPLES = 1_000, 10


class Disposition(StrEnum):
    """What became of a sighting."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"  # a person has looked
    LEARNED = "learned"  # nobody was told: it happened while the policy says that the watch learns
    ALLOWED = "allowed"  # policies.yaml allows it by now
    PASSED = "passed"  # nothing of it was seen for long


class Watch(BaseModel):
    """How far one source of records has been read, and whether it can be believed.

    A source that says nothing looks like one that has nothing to say. Rotator reads parameters itself, so its own reads
    have to appear: `own` has the newest of each environment.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str  # kind and place, as policies.yaml names it
    since: datetime  # watched from then on without a gap
    looked_at: datetime  # the last turn
    answered_at: datetime | None = None  # the last turn in which the source answered
    progress: str = ""  # where a source goes on that does not remember it itself
    newest_at: datetime | None = None  # the newest moment that a record told of
    judged_all_at: datetime | None = None  # the last turn that left nothing which was due to be judged
    trouble: str = ""  # why the source could not be read: a sentence
    trouble_since: datetime | None = None
    own: dict[
        str, datetime
    ] = {}  # environment -> when rotator made the newest of its own reads that was seen
    #: When rotator made the first call whose record bears its id. An earlier version bears none, and forgets this.
    named_since: datetime | None = None
    remembers_since: datetime | None = None  # who has read what is known from then on
    expected: dict[str, datetime] = {}  # environment -> from when on rotator reads there without a gap
    starts_asked: dict[str, datetime] = {}  # deployment -> up to when its starts are known
    starts_since: dict[str, datetime] = {}  # deployment -> from when on they are known without a gap
    unread: int = 0  # records and messages that could not be understood, or were another account's
    unread_said: str = ""  # of the last of them: a sentence
    unread_at: datetime | None = None
    policy: str = ""  # the version that open sightings were last held against


class Sighting(BaseModel):
    """What one principal did of one kind on one day: what one alert is about."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    identity: str  # kind/environment/principal/day
    kind: AccessKind
    severity: Severity
    environment: str  # empty where several are concerned, or none is named
    principal: str
    secrets: tuple[str, ...]  # environment/NAME, at most MOST_SECRETS
    times: int = 1
    rule: str = ""  # the allow rule that was looked at for the worst of them
    why: str
    first_at: datetime
    last_at: datetime
    samples: tuple[Access, ...] = ()
    firsts: tuple[str, ...] = ()  # of the secrets, those that this principal had not read before
    first_since: datetime | None = None  # before: from then on
    near_starts: bool = False  # every read of it was near a start of the principal's role
    disposition: Disposition = Disposition.OPEN
    by: str = ""  # who acknowledged it
    ended_at: datetime | None = None

    @classmethod
    def of(cls, finding: AccessFinding, access: Access, **said: Any) -> Sighting:
        """The sighting that one finding begins; `access` is the call that it is about, `said` what else is known."""
        environments = {secret.partition("/")[0] for secret in finding.secrets}
        environment = environments.pop() if len(environments) == 1 else ""
        name = str(finding.principal)
        return cls(
            identity=f"{finding.kind}/{environment}/{name}/{finding.at:%Y-%m-%d}",
            kind=finding.kind,
            severity=finding.severity,
            environment=environment,
            principal=name,
            secrets=finding.secrets[:MOST_SECRETS],
            rule=finding.rule,
            why=finding.why,
            first_at=finding.at,
            last_at=finding.at,
            samples=(access,),
            **said,
        )

    def and_then(self, more: Sighting) -> Sighting:
        """This one, and what was seen since. What got worse after somebody looked is open again.

        So is what learning kept quiet, when it goes on after it.
        """
        worse = more.severity > self.severity
        secrets = _with(self.secrets, more.secrets)
        news = self.disposition is not Disposition.OPEN and (
            worse or secrets != self.secrets or self.disposition is Disposition.LEARNED
        )
        return self.model_copy(
            update={
                "severity": max(self.severity, more.severity),
                "secrets": secrets,
                "times": self.times + more.times,
                "first_at": min(self.first_at, more.first_at),
                "last_at": max(self.last_at, more.last_at),
                "samples": (*self.samples, *more.samples)[:MOST_SAMPLES],
                "firsts": _with(self.firsts, more.firsts),
                "first_since": more.first_since or self.first_since,
                "near_starts": self.near_starts and more.near_starts,
                **({"rule": more.rule, "why": more.why} if worse else {}),
                **({"disposition": more.disposition, "by": "", "ended_at": None} if news else {}),
            }
        )


def _with(known: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    """Both, in order; the same where there is nothing new, as with most of a flood's records."""
    new = set(more).difference(known)
    return tuple(sorted({*known, *new})[:MOST_SECRETS]) if new else known
