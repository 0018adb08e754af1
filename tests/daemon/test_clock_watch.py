"""Two clocks that differ: people hear of it once, with both of them named, and once more when they agree again."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast

import pytest

from rotator.daemon.clock_watch import ClockWatch
from rotator.daemon.installation import Installation
from rotator.engine.clocks import BOUND
from rotator.journal.place import journal_place
from rotator.model.alerts import AlertKind, Severity
from rotator.model.policy import Policies
from rotator.testing.virtual_clock import VirtualClock
from tests.engine.things import MINUTE, NOW, policies, policy
from tests.engine.world import Channel

PATIENCE = 10 * MINUTE
SECOND = timedelta(seconds=1)


@dataclass
class Town:
    """A machine, and a database whose clock is `ahead` of the machine's and answers after `takes`."""

    clock: VirtualClock = field(default_factory=lambda: VirtualClock(NOW))
    slack: Channel = field(default_factory=Channel)
    today: Policies = field(default_factory=lambda: policies(policy()))
    ahead: timedelta = timedelta()
    takes: timedelta = timedelta()

    @property
    def journal(self) -> Town:
        return self

    def now(self) -> datetime:
        at = self.clock.now() + self.ahead
        self.clock.sleep(self.takes.total_seconds())
        return at

    def policies(self) -> Policies:
        return self.today

    def channels(self, *, unpaced: bool) -> dict[str, Channel]:
        assert unpaced
        return {"slack": self.slack}

    def looks(self, watch: ClockWatch, span: timedelta = timedelta()) -> None:
        """What the scheduler does meanwhile."""
        for _ in range(int(span / timedelta(seconds=15)) + 1):
            watch.look()
            self.clock.sleep(15)

    def watch(self, name: str = "pod-a-1") -> ClockWatch:
        place = journal_place("postgresql://rotator@db.taly.example/rotator")
        return ClockWatch(cast("Installation", self), place, PATIENCE, name)


@pytest.mark.parametrize("ahead,words", [(-4 * MINUTE, "4 min ahead of"), (4 * MINUTE, "4 min behind")])
def test_clocks_that_differ_are_told_once_and_once_when_they_agree_again(
    ahead: timedelta, words: str
) -> None:
    town = Town(ahead=ahead)
    watch = town.watch()
    town.looks(watch, PATIENCE - MINUTE)
    assert town.slack.read == []
    town.looks(watch, 60 * MINUTE)
    ((address, alert),) = town.slack.read
    assert (address, alert.kind, alert.severity) == ("#ops", AlertKind.UNREACHABLE, Severity.WARNING)
    assert alert.facts["What"] == f"the machine's clock is {words} the journal's"
    assert alert.facts["Where"] == "database rotator at db.taly.example:5432"
    assert alert.facts["Seen by"] == "pod-a-1"
    assert "SELECT now()" in alert.action
    town.ahead = timedelta()
    town.looks(watch, 10 * MINUTE)
    (_, (_, over)) = town.slack.read
    assert over.closed and over.closing.startswith("the two clocks agree again (after ")


@pytest.mark.parametrize(
    "ahead,takes",
    [
        (timedelta(), timedelta()),
        (BOUND, timedelta()),
        (-BOUND, timedelta()),
        (timedelta(), 40 * SECOND),  # an answer that takes long is no skew
    ],
)
def test_what_is_within_the_bound_or_a_slow_answer_is_no_news(ahead: timedelta, takes: timedelta) -> None:
    town = Town(ahead=ahead, takes=takes)
    town.looks(town.watch(), 30 * MINUTE)
    assert town.slack.read == []


def test_a_clock_that_is_set_within_patience_is_no_news(town_apart: Town) -> None:
    watch = town_apart.watch()
    for _ in range(5):
        town_apart.ahead = 5 * MINUTE
        town_apart.looks(watch, PATIENCE / 2)
        town_apart.ahead = timedelta()
        town_apart.looks(watch, MINUTE)
    assert town_apart.slack.read == []


@pytest.fixture
def town_apart() -> Town:
    return Town(ahead=5 * MINUTE)
