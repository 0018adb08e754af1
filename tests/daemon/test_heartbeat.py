"""The heartbeat, which comes every minute, sees an outage end before the next scan would."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rotator.daemon.installation import Installation
from rotator.daemon.policy import PolicyInForce
from rotator.daemon.rhythm import Rhythm
from rotator.daemon.run import Daemon
from rotator.engine.settings import Bounds
from rotator.model.observations import Surveyed
from rotator.testing.virtual_clock import VirtualClock
from tests.engine.things import surveyed


def looks(seen: Surveyed, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What one heartbeat does when it leaves this survey behind."""
    journal = SimpleNamespace(surveyed=lambda: cast("Mapping[str, Surveyed]", {seen.environment: seen}))
    settings = SimpleNamespace(journal="sqlite:////data/journal.sqlite")
    parts: Any = SimpleNamespace(clock=VirtualClock(), settings=settings, journal=journal)
    daemon = Daemon(cast("Installation", parts), cast("PolicyInForce", None), Bounds(), Rhythm())
    done: list[str] = []
    monkeypatch.setattr(daemon, "_hold", lambda: done.append("hold"))
    monkeypatch.setattr(daemon, "_scan", lambda: done.append("scan"))
    (heartbeat,) = [job for name, _, job in daemon._jobs([]) if name == "ownership"]
    heartbeat()
    return done


@pytest.mark.parametrize(
    "seen, does",
    [
        (surveyed(), ["hold"]),
        (surveyed(trouble="SSM did not answer", unheld="SSM did not answer"), ["hold"]),
        (surveyed(trouble="SSM did not answer"), ["hold", "scan"]),
    ],
)
def test_a_store_that_answers_again_is_scanned_at_once(
    seen: Surveyed, does: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert looks(seen, monkeypatch) == does
