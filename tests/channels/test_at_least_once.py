"""Everybody hears everything, and next to nothing twice: a seeded nemesis over Slack's stand-in and a real mail server.

It kills the process between any two calls, answers 429 and 5xx, loses answers after the effect, and is slow. The next
process has channels of its own, which know nothing of what the last ones were told. What
counts is what arrived at the far sides. A mail that came twice with one Message-ID is one mail to every reader that
knows it, and that figure is held to the promise. The raw one is not: it is as large as the nemesis is wild, since no
mail server can be asked whether it has a mail. So the test counts what nobody wrote down, because the process was
killed or the answer lost right after the server took it, and no mail may come twice for another reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from rotator.contracts.channel import AlertChannel, RemindedChannel
from rotator.engine.settings import Bounds
from rotator.journal import MemoryJournal, open_memory_journal
from rotator.model.alerts import Alert, AlertKind, Receipt, Severity
from rotator.model.errors import Transient
from rotator.model.policy import Policies
from rotator.sandbox.faults import Fault, Rule
from rotator.testing.virtual_clock import VirtualClock
from tests.channels.teller import MAILBOX, one_owner
from tests.channels.worlds import MailWorld, SlackWorld
from tests.delivery import deliver_due

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

STEPS, KILLED = 60, 0.03
#: Of all that is told.
MOST_DUPLICATES = 0.01


class Killed(BaseException):
    """SIGKILL: nothing below catches it."""


@dataclass
class Unwritten:
    """A message that the far side has, and of which the journal knows nothing yet."""

    channel: str
    things: int
    for_ever: bool = False  # whoever knew is dead, or was never told


@dataclass
class Nemesis:
    """Ends the process at a call now and then: before it, or after it took effect."""

    random: Random
    on: bool = True
    kills: int = 0
    unwritten: list[Unwritten] = field(default_factory=list)

    def at(self, call: Callable[[], Any]) -> Any:
        before, after = (self.on and self.random.random() < KILLED / 2 for _ in range(2))
        if before:
            self._kill()
        done = call()
        if after:
            self._kill()
        return done

    def _kill(self) -> None:
        self.kills += 1
        for one in self.unwritten:
            one.for_ever = True
        raise Killed

    def written(self) -> None:
        """The journal knows of all that was told so far."""
        self.unwritten = [one for one in self.unwritten if one.for_ever]

    def never_written(self, channel: str) -> int:
        """How many things may come there twice."""
        return sum(one.things for one in self.unwritten if one.for_ever and one.channel == channel)


@dataclass
class Watched:
    """A channel behind the nemesis, and what its messages were about."""

    made: Callable[[], AlertChannel]
    nemesis: Nemesis
    name: str
    arrived: Callable[[], int]  # how many messages the far side has
    members: dict[str, tuple[str, ...]] = field(default_factory=dict)  # by the identity of the message
    heard: set[tuple[str, str, int]] = field(default_factory=set)  # (alert, life, how loudly)

    def __post_init__(self) -> None:
        self.begin_anew()

    def begin_anew(self) -> None:
        """In another process."""
        self.channel = self.made()

    def remind(self, address: str, receipt: Receipt) -> None:
        if isinstance(self.channel, RemindedChannel):
            self.channel.remind(address, receipt)

    def deliver(self, alert: Alert, address: str, earlier: Receipt | None) -> Receipt:
        told = alert.members or (alert,)
        self.members[alert.identity] = tuple(one.identity for one in told)

        def call() -> Receipt:
            before = self.arrived()
            try:
                receipt = self.channel.deliver(alert, address, earlier)
            except Transient:
                if self.arrived() > before:
                    self.nemesis.unwritten.append(Unwritten(self.name, len(told), for_ever=True))
                raise
            self.nemesis.unwritten.append(Unwritten(self.name, len(told)))
            self.heard |= {
                (one.identity, one.opened_at.isoformat(), 9 if one.closed else one.severity) for one in told
            }
            return receipt

        receipt = self.nemesis.at(call)
        assert isinstance(receipt, Receipt)
        return receipt

    def twice(self, arrived: Sequence[str]) -> int:
        """How often something arrived again, of messages by what they are about."""
        came = Counter(member for about in arrived for member in self.members[about])
        owed = Counter(identity for identity, _life, _level in self.heard)
        assert not owed - came, f"never arrived: {owed - came}"
        return sum((came - owed).values())


class Parts:
    """What the outbox needs of an installation; its journal is behind the nemesis."""

    def __init__(self, nemesis: Nemesis, slack: str) -> None:
        self.slack = slack
        self.clock = VirtualClock()
        self.real = open_memory_journal(now=self.clock.now)
        self.journal: Any = _Behind(self.real, nemesis)

    def policies(self) -> Policies:
        return one_owner({"slack": self.slack, "email": MAILBOX})


class _Behind:
    def __init__(self, journal: MemoryJournal, nemesis: Nemesis) -> None:
        self._journal, self._nemesis = journal, nemesis

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._journal, name)

        def call(*given: Any, **more: Any) -> Any:
            done = method(*given, **more)
            if name == "checkpoint_alerts":
                self._nemesis.written()
            return done

        return lambda *given, **more: self._nemesis.at(lambda: call(*given, **more))


@dataclass
class Incidents:
    """Alerts that open, some of them together, get worse and end."""

    parts: Parts
    random: Random
    open_ones: dict[str, Alert] = field(default_factory=dict)
    number: int = 0

    def step(self) -> None:
        for _ in range(self.random.choice((0, 1, 1, 2, 5))):
            self.number += 1
            self._post(self._new(self.number))
        for name in self.random.sample(sorted(self.open_ones), min(len(self.open_ones), 1)):
            self._post(self.open_ones[name].model_copy(update={"severity": Severity.CRITICAL}))
        for name in self.random.sample(
            sorted(self.open_ones), min(len(self.open_ones), self.random.choice((0, 0, 1, 4)))
        ):
            self.end(name)

    def end(self, name: str) -> None:
        over = {"closed_at": self.parts.clock.now(), "closing": "rotated"}
        self._post(self.open_ones[name].model_copy(update=over))
        del self.open_ones[name]

    def _new(self, number: int) -> Alert:
        return Alert(
            identity=f"overdue/{number}",
            kind=AlertKind.OVERDUE,
            severity=Severity.WARNING,
            environment="production",
            secret=f"production/KEY_{number}",
            owner="platform",
            title=f"KEY_{number} (production): overdue",
            facts={"Age": "97 d"},
            opened_at=self.parts.clock.now(),
        )

    def _post(self, alert: Alert) -> None:
        self.open_ones[alert.identity] = alert
        self.parts.real.post_alert(alert, timedelta())


def weather(slack: SlackWorld, mail: MailWorld, seed: int) -> None:
    """Every sixth call of Slack goes wrong, and every tenth mail."""
    posts = [
        Rule(Fault.THROTTLED, "chat.postMessage", 0.05, seconds=1),
        Rule(Fault.INTERNAL_ERROR, "*", 0.05),
        Rule(Fault.LOST_ANSWER, "*", 0.05),
        Rule(Fault.SLOW, "*", 1.0, times=2, seconds=4),
    ]
    slack.app.weather.set_faults(posts, seed)
    mails = [
        Rule(Fault.THROTTLED, "mail.rcpt", 0.05),
        Rule(Fault.INTERNAL_ERROR, "mail.data", 0.05),
        Rule(Fault.LOST_ANSWER, "mail.data", 0.005),
    ]
    mail.server.weather.set_faults(mails, seed)


@pytest.mark.parametrize("address", ["C0ROTATOR1", "#ops-secrets"])
@pytest.mark.parametrize("seed", [5])
def test_everybody_hears_everything_and_next_to_nothing_twice(
    slack: SlackWorld, mail: MailWorld, seed: int, address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    nemesis = Nemesis(Random(seed))
    parts = Parts(nemesis, address)
    channels = {
        "slack": Watched(slack.channel, nemesis, "slack", lambda: len(slack.app.messages)),
        "email": Watched(mail.channel, nemesis, "email", lambda: len(mail.server.mails)),
    }
    incidents = Incidents(parts, Random(seed + 1))
    weather(slack, mail, seed)
    for _ in range(STEPS):
        incidents.step()
        _deliver(parts, channels, nemesis)
    nemesis.on = False
    slack.app.weather.set_faults(())
    mail.server.weather.set_faults(())
    for name in list(incidents.open_ones):
        incidents.end(name)
    for _ in range(20):
        _deliver(parts, channels, nemesis)
    assert parts.real.alerts() == [], "every end was told"
    posts = [message.about for message in slack.app.messages]
    mails = [one.about for one in mail.server.mails]
    read = [about for about, _ in {(one.about, one.message_id) for one in mail.server.mails}]
    told = sum(len(one.heard) for one in channels.values())
    twice = {
        "slack": channels["slack"].twice(posts),
        "mail": channels["email"].twice(mails),
        "mail, by Message-ID": channels["email"].twice(read),
    }
    faults = dict(slack.app.weather.counts["faults"] + mail.server.weather.counts["faults"])
    with capsys.disabled():
        print(
            f"\n{incidents.number} alerts, {told} things to tell in {len(posts)} posts and {len(mails)} mails, "
            f"{nemesis.kills} kills, faults {faults}; told twice: {twice}, of which the journal was never told: "
            f"{nemesis.never_written('email')} by mail; never told: 0"
        )
    assert nemesis.kills >= 15
    assert twice["mail"] <= nemesis.never_written("email"), "for no other reason"
    assert twice["slack"] + twice["mail, by Message-ID"] <= MOST_DUPLICATES * told, told


def _deliver(parts: Parts, channels: Mapping[str, Watched], nemesis: Nemesis) -> None:
    """A minute and a half of looks; who is killed leaves its claims to the next process, once they have run out."""
    for _ in range(6):
        try:
            deliver_due(parts, channels, f"process-{nemesis.kills}", Bounds())  # type: ignore[arg-type]  # the parts it uses
        except Killed:
            for channel in channels.values():
                channel.begin_anew()
            parts.clock.sleep(60)
        parts.clock.sleep(15)
