"""When a secret's calendar, its windows and the freezes of its environment, lets something be restarted."""

from __future__ import annotations

from datetime import datetime

from rotator.model.policy import Policies, SecretPolicy
from rotator.model.windows import next_allowed


def allowed_from(policies: Policies, today: SecretPolicy, now: datetime) -> datetime:
    """The first moment from `now` on; `now` itself when nothing forbids it."""
    environment = policies.environments.get(today.environment)
    return next_allowed(now, today.windows, environment.freezes if environment else ())
