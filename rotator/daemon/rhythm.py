"""What settings say of the daemon's times: the engine's bounds, and how often each thing is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from rotator.config.settings import Settings
from rotator.engine.settings import Bounds


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often each thing is looked at."""

    scan: timedelta = timedelta(minutes=5)
    census: timedelta = timedelta(days=1)
    alerts: timedelta = timedelta(seconds=15)
    ownership: timedelta = timedelta(minutes=1)
    requests: timedelta = timedelta(seconds=1)
    policy: timedelta = timedelta(seconds=2)
    record: timedelta = timedelta(minutes=10)
    trail: timedelta = timedelta(seconds=20)
    idle: timedelta = timedelta(seconds=1)


def bounds_of(settings: Settings) -> Bounds:
    """The engine's bounds as settings have them."""
    return Bounds(
        lease=timedelta(seconds=settings.claim_seconds),
        poll=settings.poll,
        slow_poll=settings.slow_poll,
        linger=settings.linger,
        signed_request_life=settings.signed_request_life,
        patience=settings.alert_patience,
        attempts_in_silence=settings.alert_attempts,
    )


def rhythm_of(settings: Settings) -> Rhythm:
    """How often things are looked at, as settings have it."""
    return Rhythm(
        scan=settings.scan_every,
        census=settings.census_every,
        alerts=settings.alerts_every,
        trail=settings.trail_every,
        idle=min(settings.poll, timedelta(seconds=1)),
    )
