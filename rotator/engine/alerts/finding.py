"""A finding: something that is so, as an alert would tell it, and how soon and how loudly it is told."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from rotator.model.alerts import Alert, AlertKind, Severity
from rotator.model.policy import Policies, Recipe

#: PagerDuty's limit of a dedup key, and ours of an identity.
LONGEST_IDENTITY = 255
#: So many names are listed; how many more there are is said.
MOST_NAMES = 10


@dataclass(frozen=True, slots=True)
class Finding:
    """What is so.

    `quiet`: what was told about it stays, and nothing new is told, because somebody is already on it. `passing`: it
    mostly passes by itself, as a far side that is away does, and must have stood for a while before it is told: from
    `since`, where that is known, or else from when it is found.
    """

    alert: Alert
    quiet: bool = False
    passing: bool = False
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class About:
    """Whom alerts of one secret concern; also of one that has left policies.yaml."""

    secret: str
    environment: str
    owner: str
    now: datetime
    runbook: str = ""
    outside: Mapping[str, str] = field(default_factory=dict)  # who verifies there -> how they are told

    @property
    def name(self) -> str:
        """The secret's name, and where."""
        return f"{self.secret.removeprefix(self.environment + '/')} ({self.environment})"

    def finding(
        self,
        kind: AlertKind,
        severity: Severity,
        title: str,
        facts: Mapping[str, str],
        action: str,
        *,
        about: str = "",
        rotation: str = "",
        quiet: bool = False,
        passing: bool = False,
        since: datetime | None = None,
    ) -> Finding:
        """A finding about this secret, with its runbook; `about` tells it from others of its kind."""
        alert = Alert(
            identity=identity(kind, self.secret, about),
            kind=kind,
            severity=severity,
            environment=self.environment,
            secret=self.secret,
            rotation=rotation,
            owner=self.owner,
            title=f"{self.name}: {title}",
            facts={**facts, **({"Runbook": self.runbook} if self.runbook else {})},
            action=action,
            opened_at=self.now,
        )
        return Finding(alert, quiet, passing, since)


def about_recipe(policies: Policies, recipe: Recipe, now: datetime) -> About:
    """Whom a rotation's recipe concerns: today's owner of the secret, else the default owner."""
    today = policies.secrets.get(recipe.secret)
    owner = today.owner if today and today.owner else policies.default_owner
    about = About(recipe.secret, recipe.environment, owner, now)
    return replace(about, runbook=today.runbook or "", outside=today.notify) if today else about


def identity(kind: AlertKind, *parts: str) -> str:
    """The dedup key: the same for as long as the same thing is so, and never longer than LONGEST_IDENTITY."""
    full = "/".join((kind.value, *parts))
    if len(full) <= LONGEST_IDENTITY:
        return full
    mark = hashlib.sha256(full.encode()).hexdigest()[:16]
    return f"{full[: LONGEST_IDENTITY - len(mark) - 1]}~{mark}"


def kin(alert: Alert) -> tuple[str, str, str]:
    """What alerts that are told in one message have in common."""
    return alert.kind, alert.environment, alert.owner


def listed(names: tuple[str, ...]) -> str:
    """Names for a message: the first ten, and how many more there are."""
    shown = ", ".join(names[:MOST_NAMES])
    more = len(names) - MOST_NAMES
    return f"{shown} and {more} more" if more > 0 else shown
