"""The far sides of the channels, as the contract suite wants them."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_string
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, TypeVar

from rotator.channels.pagerduty import PagerDuty
from rotator.channels.ses import Ses
from rotator.channels.slack import Slack
from rotator.channels.smtp import Smtp
from rotator.channels.webhook import Webhook
from rotator.clock import SystemClock
from rotator.model.alerts import Alert, AlertState, Hush, Severity
from rotator.model.clicks import Click, Offer, Reply, Verb
from rotator.model.errors import Refused
from rotator.model.hosts import on_this_machine
from rotator.model.secrets import Sealed
from rotator.sandbox.faults import Fault, Outage, Rule
from rotator.sandbox.mail_server import UNKNOWN_MAILBOX, Mail, MailServer
from rotator.sandbox.pagerduty import PagerDutyApi
from rotator.sandbox.platforms.front import Front
from rotator.sandbox.ses_api import SesApi
from rotator.sandbox.slack_server import UNKNOWN_CHANNEL, Message, SlackApp
from rotator.sandbox.webhook_receiver import PATH as WEBHOOK_PATH
from rotator.sandbox.webhook_receiver import WebhookReceiver, said
from rotator.testing.channel_contract import an_alert
from rotator.testing.surroundings import FreePacer
from rotator.testing.values import fresh_value

Thing = TypeVar("Thing")
HEADERS = {
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Auto-Submitted",
    "List-Id",
    "Importance",
    "X-Rotator-Alert",
    "MIME-Version",
    "Content-Type",
}
TAGS = {"a", "b", "br", "code", "h3", "p", "small", "table", "td", "th", "tr"}


@dataclass
class SlackWorld:
    """Slack with a bot token."""

    app: SlackApp
    url: str
    address: str = "#ops-secrets"
    nowhere: str = UNKNOWN_CHANNEL
    pacer: FreePacer = field(default_factory=FreePacer)
    operation = "chat.postMessage"

    @property
    def logins(self) -> Sequence[Sealed]:
        return [Sealed(self.app.token), Sealed(self.app.webhook)]

    def channel(self) -> Slack:
        return Slack(token=Sealed(self.app.token), pacer=self.pacer, base_url=f"{self.url}/api/")

    def channel_with_a_wrong_login(self) -> Slack:
        return Slack(token=fresh_value(), pacer=self.pacer, base_url=f"{self.url}/api/")

    def threads(self) -> Sequence[Sequence[str]]:
        return _grouped((message.thread_ts or message.ts, message.shown) for message in self.app.messages)

    def markup(self) -> Sequence[str]:
        return self.app.findings

    def lose_next_answer(self) -> None:
        self.app.weather.set_faults([Rule(Fault.LOST_ANSWER, self.operation, times=1)])

    def go_away(self) -> None:
        self.app.weather.set_outages({"slack": Outage.CLOSED})

    def come_back(self) -> None:
        self.app.weather.set_outages({})

    def say_later(self, when: timedelta) -> None:
        self.app.weather.set_faults(
            [Rule(Fault.THROTTLED, self.operation, times=1, seconds=when.total_seconds())]
        )


class EveryOffer:
    """Offers everything there is, about whatever it is asked."""

    def offers(self, alert: Alert) -> Sequence[Offer]:
        return [Offer(verb=verb, about=alert.id, means=alert.title) for verb in Verb]

    def take(self, click: Click) -> Reply:
        raise AssertionError("nobody clicks")

    def alert(self, short_id: str) -> Alert | None:
        raise AssertionError("nobody clicks")

    def groups(self) -> Sequence[str]:
        return []


@dataclass
class ButtonsWorld(SlackWorld):
    """Slack with a bot token and an app-level token: messages have buttons."""

    def channel(self) -> Slack:
        return Slack(
            token=Sealed(self.app.token),
            app_token=fresh_value(),
            clicks=EveryOffer(),
            pacer=self.pacer,
            base_url=f"{self.url}/api/",
        )


@dataclass
class WebhookWorld(SlackWorld):
    """Slack with an incoming webhook: it cannot edit, and its readers tell conversations by what they are about."""

    operation = "webhook"

    def channel(self) -> Slack:
        return Slack(webhook=Sealed(self.url + self.app.webhook), pacer=self.pacer)

    def channel_with_a_wrong_login(self) -> Slack:
        return Slack(webhook=Sealed(f"{self.url}/services/{fresh_value().reveal()}"), pacer=self.pacer)

    def threads(self) -> Sequence[Sequence[str]]:
        def life(message: Message) -> str:
            about = (message.metadata or {})["event_payload"]
            return f"{about['alert']} {about['opened_at']}"

        return _grouped((life(message), message.shown) for message in self.app.messages)


@dataclass
class MailWorld:
    """A mail server. A reader shows a mail that came twice once, and follows In-Reply-To."""

    server: MailServer
    ca_file: Path
    address: str = "platform@taly.example"
    nowhere: str = f"{UNKNOWN_MAILBOX}@taly.example"

    @property
    def logins(self) -> Sequence[Sealed]:
        return [Sealed(self.server.password)]

    def channel(self, password: Sealed | None = None, ca_file: Path | None = None) -> Smtp:
        return Smtp(
            host="127.0.0.1",
            port=self.server.port,
            username=self.server.username,
            password=password or Sealed(self.server.password),
            sender="rotator@taly.example",
            clock=SystemClock(),
            ca_file=ca_file or self.ca_file,
        )

    def channel_with_a_wrong_login(self) -> Smtp:
        return self.channel(password=fresh_value())

    def threads(self) -> Sequence[Sequence[str]]:
        once = {mail.message_id: mail for mail in self.server.mails}
        return _grouped(
            (mail.in_reply_to or mail.message_id, f"{mail.subject}\n{mail.text}") for mail in once.values()
        )

    def markup(self) -> Sequence[str]:
        return [odd for mail in self.server.mails for odd in (*_odd_headers(mail), *_odd_tags(mail))]

    def lose_next_answer(self) -> None:
        self.server.weather.set_faults([Rule(Fault.LOST_ANSWER, "mail.data", times=1)])

    def go_away(self) -> None:
        self.server.weather.set_outages({"mail": Outage.CLOSED})

    def come_back(self) -> None:
        self.server.weather.set_outages({})

    def say_later(self, when: timedelta) -> None:
        self.server.weather.set_faults([Rule(Fault.THROTTLED, "mail.rcpt", times=1)])


@dataclass
class EventsWorld:
    """A program behind the webhook: what is open for a dedup key is a conversation."""

    front: Front
    receiver: WebhookReceiver
    secret: Sealed
    pacer: FreePacer = field(default_factory=FreePacer)

    @property
    def address(self) -> str:
        return f"{self.front.address}{WEBHOOK_PATH}"

    @property
    def nowhere(self) -> str:
        return f"{self.front.address}/nowhere"

    @property
    def logins(self) -> Sequence[Sealed]:
        return [self.secret]

    def channel(self, secret: Sealed | None = None, **changes: Any) -> Webhook:
        options = {
            "secret": secret or self.secret,
            "resolve": unresolved,
            "allows": on_this_machine,
            "pacer": self.pacer,
            "clock": SystemClock(),
        }
        return Webhook(**{**options, **changes})

    def channel_with_a_wrong_login(self) -> Webhook:
        return self.channel(signing_secret())

    def threads(self) -> Sequence[Sequence[str]]:
        return [[said(event) for event in ticket.events] for ticket in self.receiver.tickets]

    def markup(self) -> Sequence[str]:
        return self.receiver.findings

    def lose_next_answer(self) -> None:
        self.front.lose()

    def go_away(self) -> None:
        self.away = self.front.away()
        self.away.__enter__()

    def come_back(self) -> None:
        self.away.__exit__(None, None, None)

    def say_later(self, when: timedelta) -> None:
        self.front.throttle()


@dataclass
class PagesWorld(EventsWorld):
    """PagerDuty: an incident is a conversation. Its address leads to a routing key."""

    receiver: PagerDutyApi  # type: ignore[assignment]  # another far side behind the same front
    address: str = "ssm:/taly/production/rotator/PAGERDUTY_ROUTING_KEY"  # no URL of the front
    nowhere: str = "ssm:/taly/production/rotator/NOWHERE"  # as above

    @property
    def logins(self) -> Sequence[Sealed]:
        return [Sealed(self.receiver.routing_key)]

    def channel(self, secret: Sealed | None = None, **_changes: Any) -> PagerDuty:  # type: ignore[override]  # of another channel
        known = {self.address: secret or Sealed(self.receiver.routing_key)}
        return PagerDuty(
            resolve=lambda reference: known.get(reference) or unresolved(reference),
            pacer=self.pacer,
            endpoint=self.front.address,
        )

    def channel_with_a_wrong_login(self) -> PagerDuty:  # type: ignore[override]  # another channel
        return self.channel(fresh_value(32))

    def threads(self) -> Sequence[Sequence[str]]:
        return [[said(event) for event in incident.log] for incident in self.receiver.incidents]


def answered() -> Alert:
    """The alert, acknowledged by a person."""
    at, severity = datetime(2026, 11, 26, 10, 0, tzinfo=UTC), Severity.WARNING
    return an_alert(hush=Hush(state=AlertState.ACKNOWLEDGED, by="ana", at=at, severity=severity))


def signing_secret() -> Sealed:
    return Sealed(f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}")


def unresolved(reference: str) -> Sealed:
    raise Refused(f"there is no {reference}")


@dataclass
class SesWorld:
    """Amazon SES. A reader follows In-Reply-To to what SES called the first mail."""

    front: Front
    api: SesApi
    address: str = "platform@taly.example"
    nowhere: str = f"{UNKNOWN_MAILBOX}@taly.example"
    logins: Sequence[Sealed] = ()

    def channel(self, sender: str | None = None) -> Ses:
        return Ses(
            region=self.api.region,
            sender=sender or self.api.sender,
            clock=SystemClock(),
            endpoint=self.front.address,
        )

    def channel_with_a_wrong_login(self) -> Ses:
        return self.channel("somebody@taly.example")

    def threads(self) -> Sequence[Sequence[str]]:
        return _grouped(
            (mail.in_reply_to or mail.message_id, f"{mail.subject}\n{mail.text}") for mail in self.api.mails
        )

    def markup(self) -> Sequence[str]:
        return [odd for mail in self.api.mails for odd in (*_odd_headers(mail), *_odd_tags(mail))]

    lose_next_answer = EventsWorld.lose_next_answer
    go_away = EventsWorld.go_away
    come_back = EventsWorld.come_back
    say_later = EventsWorld.say_later


def _odd_headers(mail: Mail) -> Iterable[str]:
    return set(message_from_string(mail.raw).keys()) - HEADERS


def _odd_tags(mail: Mail) -> Iterable[str]:
    tags = _Tags()
    tags.feed(mail.html)
    return tags.seen - TAGS


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)

    def handle_comment(self, data: str) -> None:
        self.seen.add(data)


def _grouped(told: Iterable[tuple[str, Thing]]) -> list[list[Thing]]:
    threads: dict[str, list[Thing]] = {}
    for thread, message in told:
        threads.setdefault(thread, []).append(message)
    return list(threads.values())
