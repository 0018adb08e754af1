"""AlertChannel: tells people."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol, runtime_checkable

from rotator.contracts.clock import Clock
from rotator.model.alerts import Alert, Receipt


@runtime_checkable
class AlertChannel(Protocol):
    """One way to reach people; `address` is in its own terms (a Slack channel, an e-mail address).

    An alert is one conversation: what was posted first is edited or continued in the same thread, and the message that
    closes the alert closes that thread. It is told at least once: a lost answer is Transient, and delivering again
    may tell it again. Every text arrives, within the far side's limits and never as markup. No login is ever in a
    message or an error.

    An alert with `members` is one message about several, which became so or ended at the same moment: ten rows at most,
    then how many more. They share the conversation from then on. Its first message shows how all of it stands, members
    and `beside`; what follows tells of `members` only. `closed` means that the whole conversation is over; members may
    be over before. A digest (AlertKind.DIGEST) has as members all that is open, those that need a person first; it is
    never edited and never closed. A channel that only knows title, facts and action still says everything that must be
    known: rotator.channels.wording makes rows of members.
    """

    def deliver(self, alert: Alert, address: str, earlier: Receipt | None) -> Receipt:
        """Posts the alert, or edits and continues what it posted before; the receipt is for the next time.

        Raises Transient when the far side is away, says "later" (with its own word for when, if it gave one) or does
        not accept our settings, so that the alert is kept until somebody has put them right; NotYet when its rate
        leaves no room inside a claim; Refused for an address or a message that it will never take. Nothing else.
        Calls guard() before a message leaves.
        """


@runtime_checkable
class EditingChannel(AlertChannel, Protocol):
    """A channel whose messages can say something else later without anybody being notified."""

    def edit(self, alert: Alert, address: str, earlier: Receipt) -> Receipt:
        """Makes the message that was posted first say how the alert stands: `alert.hush`, or that none holds any more.

        An answer may also be told in its thread. A message that cannot be edited any more is left as it is. Raises as
        deliver() does.
        """


@runtime_checkable
class RemindedChannel(Protocol):
    """A channel that knows its address better once it was there, which a process that has just begun was not."""

    def remind(self, address: str, receipt: Receipt) -> None:
        """`receipt` is of the latest message that is known at this address, whatever it was about. Raises nothing."""


@runtime_checkable
class ListeningChannel(Protocol):
    """A channel whose messages can be answered by a click. What is clicked goes to Clicks (contracts/clicks.py)."""

    @property
    def listens(self) -> bool:
        """Whether it is set up for that."""

    def listen(self, clock: Clock, stopped: threading.Event, say: Callable[[str], None]) -> None:
        """Takes clicks until `stopped`, connected again after every kind of trouble, each time a little later.

        `say` gets a sentence when nothing can be heard, and an empty one when it can again.
        """
