"""The heartbeat of an environment's owner sees an outage end before the next scan would; the one for the outside ends
while a part of the daemon fails at every turn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rotator.daemon.installation import Installation
from rotator.daemon.policy import PolicyInForce
from rotator.daemon.rhythm import Rhythm
from rotator.daemon.run import Daemon
from rotator.daemon.troubles import Troubles
from rotator.engine.heartbeat import LATE
from rotator.engine.settings import Bounds
from rotator.model.errors import Transient
from rotator.model.observations import Surveyed
from rotator.testing.virtual_clock import VirtualClock
from tests.engine.things import surveyed


def a_daemon(clock: VirtualClock, journal: object = None) -> Daemon:
    """One that does not run: its jobs are called."""
    settings = SimpleNamespace(journal="sqlite:////data/journal.sqlite")
    policies = SimpleNamespace(default_owner="platform", owners={})
    parts: Any = SimpleNamespace(
        clock=clock, settings=settings, journal=journal, policies=lambda: policies, channels=dict
    )
    in_force = cast("PolicyInForce", SimpleNamespace(rejected="", yes_wanted=None))
    return Daemon(cast("Installation", parts), in_force, Bounds(), Rhythm())


def fails() -> None:
    raise KeyError("hunter2")


def looks(seen: Surveyed, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What one heartbeat does when it leaves this survey behind."""
    journal = SimpleNamespace(surveyed=lambda: cast("Mapping[str, Surveyed]", {seen.environment: seen}))
    daemon = a_daemon(VirtualClock(), journal)
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


def test_a_bug_in_keeping_alerts_stops_neither_digests_nor_delivery(monkeypatch: pytest.MonkeyPatch) -> None:
    daemon, done = a_daemon(VirtualClock()), list[str]()
    monkeypatch.setattr("rotator.daemon.run.keep_alerts", lambda *_args, **_more: fails())
    monkeypatch.setattr(daemon._digests, "keep", lambda: done.append("digests"))
    monkeypatch.setattr("rotator.daemon.run.deliver_next", lambda *_args: done.append("delivery"))
    (tell,) = [job for name, _, job in daemon._jobs([]) if name == "telling"]
    daemon._do("telling", tell)
    assert done == ["digests", "delivery"]


def test_what_fails_by_a_bug_at_every_turn_is_told_to_the_heartbeat_until_it_works(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = VirtualClock()
    daemon, faulty = a_daemon(clock), True
    monkeypatch.setattr("rotator.daemon.run.keep_alerts", lambda *_args, **_more: fails() if faulty else None)
    monkeypatch.setattr(daemon._digests, "keep", lambda: None)
    monkeypatch.setattr("rotator.daemon.run.deliver_next", lambda *_args: None)

    def turns(span: timedelta) -> None:
        for _ in range(int(span / timedelta(minutes=1))):
            daemon._do("telling", daemon._tell)
            clock.pass_by(timedelta(minutes=1))

    turns(LATE)
    assert daemon.heartbeat.process().bugs == []
    turns(timedelta(minutes=1))
    (sentence,) = daemon.heartbeat.process().bugs
    assert sentence.startswith("alerts does not work: an unexpected KeyError at ")
    assert "hunter2" not in sentence
    faulty = False
    turns(timedelta(minutes=1))
    assert daemon.heartbeat.process().bugs == []


def with_trouble(*turns: Callable[[Troubles], None]) -> Troubles:
    clock = VirtualClock()
    troubles = Troubles(clock)
    for turn in turns:
        turn(troubles)
        clock.pass_by(LATE / 2 + timedelta(seconds=1))
    return troubles


def bug(troubles: Troubles) -> None:
    troubles.arose("scan", "an unexpected KeyError", bug=True)


def away(troubles: Troubles) -> None:
    troubles.arose("scan", str(Transient("SSM is away")))


def works(troubles: Troubles) -> None:
    troubles.ended("scan")


@pytest.mark.parametrize(
    "turns, stands",
    [
        ([bug], False),
        ([bug, bug], True),
        ([bug, away], True),  # it has not worked since
        ([bug, works, bug], False),
        ([away, away, away], False),  # the scan, or the alerts, tell that
        ([away, away, bug], False),
    ],
)
def test_a_bug_stands_until_what_had_it_works(turns: list[Callable[[Troubles], None]], stands: bool) -> None:
    assert bool(with_trouble(*turns).bugs(LATE)) is stands
