"""Clicks: what a channel whose messages have buttons asks of rotator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from rotator.model.alerts import Alert
from rotator.model.clicks import Click, Offer, Reply


class Clicks(Protocol):
    """Where clicks come in, and what may be clicked. Raises JournalAway where the journal does not answer."""

    def offers(self, alert: Alert) -> Sequence[Offer]:
        """What can be done about it now, in the order of the buttons; nothing once it is over."""

    def take(self, click: Click) -> Reply:
        """Does what somebody asked if they may and it still makes sense; else the reply says why not.

        The same click may come any number of times, here and to other replicas: it is done once.
        """

    def alert(self, short_id: str) -> Alert | None:
        """The alert as it is now."""

    def groups(self) -> Sequence[str]:
        """The groups that the policy names, by the channel's ids; who is in one is the channel's to say."""
