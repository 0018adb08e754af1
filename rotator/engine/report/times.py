"""Moments as people read them, always in UTC."""

from __future__ import annotations

from datetime import datetime

from rotator.engine.ages import spell


def moment(at: datetime) -> str:
    """A time to the minute."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def when(at: datetime, now: datetime) -> str:
    """A moment to come, and how far it is."""
    left = at - now
    return "now" if left.total_seconds() <= 0 else f"in {spell(left)} ({moment(at)})"


def ago(at: datetime | None, now: datetime) -> str:
    """How long a moment is past; empty where it is not known."""
    return f"{spell(now - at)} ago" if at else ""


def spelled(at: datetime | None) -> str | None:
    """For machines, RFC 3339."""
    return at.isoformat() if at else None
