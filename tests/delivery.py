"""What the daemon does again and again, until nothing is due: alerts delivered, one claim after the other."""

from __future__ import annotations

from collections.abc import Mapping

from rotator.contracts.channel import AlertChannel
from rotator.contracts.parts import Parts
from rotator.engine.outbox import deliver_next
from rotator.engine.settings import Bounds


def deliver_due(
    parts: Parts, channels: Mapping[str, AlertChannel], owner: str, bounds: Bounds, limit: int = 20
) -> int:
    """How many messages went out."""
    delivered = 0
    for _ in range(limit):
        told = deliver_next(parts, channels, owner, bounds)
        if told is None:
            break
        delivered += told
    return delivered
