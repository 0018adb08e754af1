"""Ears: a thread for each channel whose messages have buttons. It hears who clicked, and does what they asked.

That nobody can be heard is for people, too: the buttons stand under every message and do nothing.
"""

from __future__ import annotations

import threading

from rotator.contracts.channel import ListeningChannel
from rotator.daemon.installation import Installation
from rotator.daemon.troubles import Troubles, place_of
from rotator.engine.alerts.about_installation import Deaf

_CLICKS = "clicks"
#: What is under way when rotator stops is mostly a try to connect, which loses nothing.
_STOP_SECONDS = 2.0
_AGAIN_SECONDS = 15.0


class Ears:
    """Of one process."""

    def __init__(self, parts: Installation, troubles: Troubles, stopped: threading.Event) -> None:
        self._parts, self._troubles, self._stopped = parts, troubles, stopped
        self._threads: list[threading.Thread] = []
        self._deaf: Deaf | None = None

    def open(self) -> None:
        """Begins to listen where settings say so."""
        for name, channel in self._parts.channels().items():
            if isinstance(channel, ListeningChannel) and channel.listens:
                thread = threading.Thread(
                    target=self._listen, args=(channel,), name=f"{name} clicks", daemon=True
                )
                thread.start()
                self._threads.append(thread)

    @property
    def deaf(self) -> Deaf | None:
        """Why no click can be heard; None while they can, or where nobody listens."""
        return self._deaf

    def close(self) -> None:
        """Waits for a moment until a click that is being taken is done."""
        for thread in self._threads:
            thread.join(_STOP_SECONDS)

    def _listen(self, channel: ListeningChannel) -> None:
        """Also after a bug: the buttons are there, and a thread that ended would leave them dead in silence."""
        while not self._stopped.is_set():
            try:
                channel.listen(self._parts.clock, self._stopped, self._say)
            except Exception as bug:  # noqa: BLE001 - whatever it is, it is told, and tried again
                self._say(f"an unexpected {type(bug).__name__} at {place_of(bug)}: this is a bug of rotator")
                self._stopped.wait(_AGAIN_SECONDS)

    def _say(self, sentence: str) -> None:
        if sentence:
            since = self._deaf.since if self._deaf else self._parts.clock.now()
            self._deaf = Deaf(sentence, since)
            self._troubles.arose(_CLICKS, sentence)
        else:
            self._deaf = None
            self._troubles.ended(_CLICKS)
