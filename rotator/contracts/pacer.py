"""Pacer: shares a source account's rate between all replicas."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol, runtime_checkable


@runtime_checkable
class Pacer(Protocol):
    """Asked right before each call that a quota counts."""

    def pace(self, account: str, per_second: float, burst: int = 1) -> None:
        """Waits for the account's next free moment; raises NotYet when that is too far away to wait inside a claim."""

    def back_off(self, account: str, until: timedelta) -> None:
        """The account said Retry-After: nobody calls it before then."""
