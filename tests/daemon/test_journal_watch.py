"""A journal that cannot be written: people hear of it without it, once, and once more when it is over."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from rotator.daemon.installation import Installation
from rotator.daemon.journal_watch import JournalWatch
from rotator.journal.place import journal_place
from rotator.model.alerts import AlertKind, Severity
from rotator.model.errors import JournalAway
from rotator.model.policy import AlertPolicy, OwnerPolicy, Policies
from rotator.testing.virtual_clock import VirtualClock
from tests.engine.things import DAY, HOUR, MINUTE, NOW, policies, policy
from tests.engine.world import Channel

LOCKED = "the journal's file is locked by another process: it is tried again"
PATIENCE = 10 * MINUTE


@dataclass
class Town:
    """What a daemon has in memory while its journal is away."""

    clock: VirtualClock = field(default_factory=lambda: VirtualClock(NOW + timedelta(seconds=42)))
    slack: Channel = field(default_factory=Channel)
    email: Channel = field(default_factory=Channel)
    today: Policies = field(default_factory=lambda: policies(policy()))
    trouble: str = ""

    @property
    def journal(self) -> Town:
        return self

    def reserve(self, *_: object) -> timedelta:
        if self.trouble:
            raise JournalAway(self.trouble)
        return timedelta()

    def policies(self) -> Policies:
        return self.today

    def channels(self, *, unpaced: bool) -> dict[str, Channel]:
        assert unpaced, "whoever knows the rates is away"
        return {"slack": self.slack, "email": self.email}

    def watch(self, name: str = "pod-a-1") -> JournalWatch:
        return JournalWatch(
            cast("Installation", self), journal_place("sqlite:////data/journal.sqlite"), PATIENCE, name
        )

    def looks(self, watch: JournalWatch, span: timedelta = timedelta()) -> None:
        """What the scheduler does meanwhile."""
        for _ in range(int(span / timedelta(seconds=15)) + 1):
            try:
                watch.look()
            except JournalAway as away:
                assert str(away) == self.trouble  # noqa: PT017 - raised or not, both are right here
            self.clock.sleep(15)

    def heard(self) -> list[tuple[str, str]]:
        told = [
            (address, alert.closing if alert.closed else alert.title)
            for channel in (self.slack, self.email)
            for address, alert in channel.read
        ]
        self.slack.read.clear()
        self.email.read.clear()
        return told


@pytest.fixture
def town() -> Town:
    return Town()


TITLE = "rotator's journal cannot be written"


def test_it_is_told_once_when_it_lasts_and_once_when_it_is_over(town: Town) -> None:
    watch = town.watch()
    town.looks(watch, HOUR)
    town.trouble = LOCKED
    town.looks(watch, PATIENCE - MINUTE)
    assert town.heard() == []
    town.looks(watch, HOUR)
    assert town.heard() == [("#ops", TITLE), ("ops@taly", TITLE)]
    town.trouble = ""
    town.looks(watch, HOUR)
    over = "it can be written again, and what waited goes on (after 1 h)"
    assert town.heard() == [("#ops", over), ("ops@taly", over)]
    town.looks(watch, DAY)
    assert town.heard() == []


def test_the_message_answers_like_any_other(town: Town) -> None:
    town.trouble = LOCKED
    town.looks(town.watch(), PATIENCE)
    alert = town.slack.read[0][1]
    assert (alert.kind, alert.severity, alert.owner) == (
        AlertKind.JOURNAL_AWAY,
        Severity.CRITICAL,
        "platform",
    )
    assert alert.facts == {
        "What": LOCKED,
        "Where": "/data/journal.sqlite",
        "Seen by": "pod-a-1",
        "Impact": "none yet: credentials in use work as before; nothing is rotated, and all other alerts wait",
        "Done": "nothing was begun since",
        "Next": "rotator tries again every few seconds, and goes on by itself where it stood",
    }
    assert alert.action == "see what keeps it away: df -h /data"
    assert alert.opened_at == NOW, "the minute in which it began"


def test_a_moment_is_no_news(town: Town) -> None:
    watch = town.watch()
    for _ in range(10):
        town.trouble = LOCKED
        town.looks(watch, PATIENCE / 2)
        town.trouble = ""
        town.looks(watch)
    assert town.heard() == []


def test_replicas_tell_it_as_one_conversation(town: Town) -> None:
    one, other = town.watch("pod-a-1"), town.watch("pod-b-1")
    town.trouble = LOCKED
    for _ in range(60):
        town.looks(one)
        town.looks(other)
    first, second = (alert for _, alert in town.slack.read)
    assert (first.identity, first.opened_at) == (second.identity, second.opened_at)
    assert (first.facts["Seen by"], second.facts["Seen by"]) == ("pod-a-1", "pod-b-1")


def test_who_cannot_be_told_now_is_told_later_and_the_log_says_so(town: Town) -> None:
    watch = town.watch()
    town.slack.away = {"#ops"}
    town.trouble = LOCKED
    with capture_logs() as lines:
        town.looks(watch, HOUR)
    assert town.heard() == [("ops@taly", TITLE)]
    tries = [line for line in lines if line["event"] == "alert not delivered"]
    assert 5 < len(tries) < 30, "more and more slowly"
    assert tries[0]["trouble"] == "#ops does not answer"
    town.slack.away = set()
    town.looks(watch, HOUR)
    assert town.heard() == [("#ops", TITLE)]


def test_who_never_heard_of_it_needs_no_ending(town: Town) -> None:
    watch = town.watch()
    town.slack.away = {"#ops"}
    town.trouble = LOCKED
    town.looks(watch, HOUR)
    town.slack.away, town.trouble = set(), ""
    town.looks(watch, HOUR)
    assert [address for address, _ in town.heard()] == ["ops@taly", "ops@taly"]


def test_an_ending_that_could_not_be_told_is_told_later(town: Town) -> None:
    watch = town.watch()
    town.trouble = LOCKED
    town.looks(watch, HOUR)
    town.heard()
    town.slack.away, town.trouble = {"#ops"}, ""
    town.looks(watch, HOUR)
    assert [address for address, _ in town.heard()] == ["ops@taly"]
    town.slack.away = set()
    town.looks(watch, HOUR)
    assert [address for address, _ in town.heard()] == ["#ops"]


def test_the_next_time_is_another_conversation(town: Town) -> None:
    watch = town.watch()
    for _ in range(2):
        town.trouble = LOCKED
        town.looks(watch, HOUR)
        town.trouble = ""
        town.looks(watch, HOUR)
    began = [alert.opened_at for _, alert in town.slack.read]
    assert len(began) == 4
    assert began[0] == began[1] < began[2] == began[3]
    assert town.slack.earlier[2] is None


def test_one_that_lasts_is_told_again_as_often_as_the_policy_says(town: Town) -> None:
    town.today = policies(policy(), alerts=AlertPolicy(repeat=(DAY,)))
    town.trouble = LOCKED
    town.looks(town.watch(), 2 * DAY + HOUR)
    assert [address for address, _ in town.heard()].count("#ops") == 3


def test_it_is_told_to_whom_the_owner_escalates(town: Town) -> None:
    owners: dict[str, Any] = {
        "platform": OwnerPolicy(name="platform", addresses={"slack": "#ops"}, escalate_to="head"),
        "head": OwnerPolicy(name="head", addresses={"email": "head@taly"}),
    }
    town.today = policies(policy(), owners=owners)
    town.trouble = LOCKED
    town.looks(town.watch(), HOUR)
    assert [address for address, _ in town.heard()] == ["#ops", "head@taly"]


@pytest.mark.parametrize(
    "address, name, look",
    [
        ("sqlite:////var/lib/rotator/journal.sqlite", "/var/lib/rotator/journal.sqlite", "df -h /var/lib/rotator"),
        (
            "postgresql://rotator:hunter2@db.taly.internal/rotator",
            "database rotator at db.taly.internal:5432",
            "pg_isready -h db.taly.internal -p 5432",
        ),
        (
            "postgresql+psycopg://rotator:hunter2@10.0.0.1:6543/r?password=hunter2&sslmode=require",
            "database r at 10.0.0.1:6543",
            "pg_isready -h 10.0.0.1 -p 6543",
        ),
        (
            "postgresql://rotator:hunter2@/r?host=/var/run/postgresql&port=6000",
            "database r at /var/run/postgresql:6000",
            "pg_isready -h /var/run/postgresql -p 6000",
        ),
        (
            "postgresql://rotator:hunt@er2@db/r",
            "database r at db:5432",
            "pg_isready -h db -p 5432",
        ),
        (
            "postgresql://rotator:hunter2@/r?host=a:5432&host=b:5432",
            "database r at a:5432,b:5432",
            "pg_isready -h a -p 5432",
        ),
    ],
)  # fmt: skip
def test_a_place_is_named_without_its_login(address: str, name: str, look: str) -> None:
    assert journal_place(address) == (name, look)
