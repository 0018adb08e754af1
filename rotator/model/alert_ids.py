"""What people call an alert: short enough to be typed, and the same for as long as its identity is."""

from __future__ import annotations

import hashlib
from typing import Final

PREFIX: Final = "al_"
_DIGITS: Final = 10


def alert_id(identity: str) -> str:
    """The id of the alert with that identity."""
    return f"{PREFIX}{hashlib.sha256(identity.encode()).hexdigest()[:_DIGITS]}"
