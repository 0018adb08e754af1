"""Ears go on listening whatever happens to them, and say when they are deaf."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rotator.clock import SystemClock
from rotator.contracts.clock import Clock
from rotator.daemon import ears
from rotator.daemon.ears import Ears
from rotator.daemon.installation import Installation
from rotator.daemon.troubles import Troubles


class Channel:
    """Hears nothing at first, then has a bug, then listens."""

    listens = True

    def __init__(self) -> None:
        self.tries = 0
        self.listening = threading.Event()
        self.deaf: list[Any] = []

    def listen(self, clock: Clock, stopped: threading.Event, say: Callable[[str], None]) -> None:
        self.tries += 1
        if self.tries == 1:
            say("Slack is away")
            self.deaf.append(self.ears.deaf)
            raise KeyError("url")
        self.deaf.append(self.ears.deaf)
        say("")
        self.listening.set()
        stopped.wait()

    ears: Ears


def test_a_bug_is_said_and_does_not_end_the_listening(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ears, "_AGAIN_SECONDS", 0.01)
    channel, stopped = Channel(), threading.Event()
    parts = SimpleNamespace(clock=SystemClock(), channels=lambda: {"slack": channel, "email": object()})
    channel.ears = Ears(cast(Installation, parts), Troubles(SystemClock()), stopped)
    channel.ears.open()
    assert channel.listening.wait(30)
    away, bug = channel.deaf
    assert away.sentence == "Slack is away"
    assert bug.sentence.startswith("an unexpected KeyError at ")
    assert bug.since == away.since
    assert channel.ears.deaf is None
    stopped.set()
    channel.ears.close()
    assert channel.tries == 2
