"""A stand-in for a dead man's switch as Healthchecks.io is one: it hears pings, and calls people when they stay away.

A check has a period and a grace. It is down, and people are called, once period and grace have passed since the last
ping; it is up again with the next. One that was never pinged calls nobody. Source: Healthchecks.io's documentation,
"Pinging API" (an unknown address is answered 200 and "OK (not found)") and "Configuring checks".
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rotator.contracts.clock import Clock
from rotator.sandbox.platforms.front import Answer, Asked


@dataclass
class OutsideCheck:
    """One check; `path` is as secret as its address."""

    clock: Clock
    period: timedelta
    grace: timedelta
    path: str = field(default_factory=lambda: f"/ping/{secrets.token_urlsafe(18)}", repr=False)
    pings: list[datetime] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)

    def operation(self, asked: Asked) -> str:
        """What the front's ledger calls it: the address is a secret."""
        return f"{asked.method} ping"

    def changes(self, asked: Asked) -> bool:  # noqa: ARG002 - of the front, which asks every platform
        """Every ping."""
        return True

    def turned_away(self) -> Answer:
        """It is busy."""
        return Answer(503)

    def answer(self, asked: Asked) -> Answer:
        """200, and whether it was heard."""
        if asked.path != self.path:
            return Answer(200, "OK (not found)")
        if asked.body or asked.query:
            self.findings.append("a ping says something")
        self.pings.append(self.clock.now())
        return Answer(200, "OK")

    @property
    def calls_at(self) -> datetime | None:
        """When people are called unless it hears again; None before the first ping."""
        return self.pings[-1] + self.period + self.grace if self.pings else None

    @property
    def down(self) -> bool:
        """Whether people have been called."""
        at = self.calls_at
        return at is not None and self.clock.now() >= at
