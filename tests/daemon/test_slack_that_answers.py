"""A real daemon and Slack's stand-in with Socket Mode: alerts arrive with buttons, and what people click is done."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rotator.model.requests import Request, RequestKind
from rotator.sandbox.aws import AwsWorld
from rotator.sandbox.faults import Outage
from rotator.sandbox.people import Logins, PeopleWorld
from rotator.sandbox.people_server import serving
from rotator.sandbox.processes import listening_socket
from rotator.sandbox.slack_server import Message, SlackApp
from rotator.sandbox.slack_socket import ACKNOWLEDGED_WITHIN, SocketDoor
from tests.daemon.world import TOKEN, Town

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@dataclass
class Readers:
    """Slack with Socket Mode, and the settings of a daemon that speaks to it."""

    app: SlackApp
    door: SocketDoor
    url: str

    @property
    def settings(self) -> dict[str, str]:
        return {
            "ROTATOR_SLACK_TOKEN": self.app.token,
            "ROTATOR_SLACK_APP_TOKEN": self.app.app_token,
            "ROTATOR_ENDPOINT_SLACK": f"{self.url}/api/",
            "NO_PROXY": "127.0.0.1",
        }

    def message(self, text: str) -> Message | None:
        found = (one for one in self.app.messages if text in one.shown and not one.thread_ts)
        return next(found, None)

    def thread(self, of: Message) -> str:
        return "\n".join(one.shown for one in self.app.messages if one.thread_ts == of.ts)

    def buttons(self, of: Message) -> list[str]:
        return [
            element["action_id"]
            for block in of.blocks
            if block["type"] == "actions"
            for element in block["elements"]
        ]


@pytest.fixture
def slack() -> Iterator[Readers]:
    logins, door = Logins(), SocketDoor("A0ROTATOR")
    app = SlackApp(logins.slack_token, logins.webhook_path, posts_per_second=None)
    app.app_token, app.door = f"app-{secrets.token_hex(12)}", door
    door.start()
    with listening_socket() as listener, serving(app, listener) as url:
        yield Readers(app, door, url)
    door.stop()


class Answering(Town):
    """A town whose policy knows people, and where nothing rotates without a yes."""

    def policy(self) -> dict[str, Any]:
        said = super().policy()
        said["environments"]["staging"]["mode"] = "approve"
        said["people"] = {
            "ana": {"slack": "U0000ANA", "roles": ["operator", "approver"]},
            "cem": {"slack": "U0000CEM", "roles": ["approver"]},
        }
        return said


@pytest.fixture
def town(tmp_path: Path, aws: AwsWorld) -> Iterator[Town]:
    town = Answering(tmp_path, aws)
    yield town
    town.platform.stop()


def test_an_alert_is_answered_and_approved_by_clicks(town: Town, slack: Readers) -> None:
    with town.daemon(**slack.settings):
        slack.door.wait_for_connections(1, within=60)
        town.until("two scans agree", town.scanned)
        with town.journal() as journal:  # ana, at a terminal
            journal.add_request(
                Request(
                    id="asked", kind=RequestKind.ROTATE, about=f"staging/{TOKEN}", by="ana", at=journal.now()
                )
            )
        town.until("somebody is asked for a yes", lambda: slack.message("another's yes"))
        alert = slack.message("another's yes")
        assert alert is not None
        assert slack.buttons(alert) == ["acknowledge", "snooze", "approve"]

        # a stranger
        envelope = slack.app.click(alert.ts, "acknowledge", user="U0000WHO", name="who")
        assert slack.door.wait_for_acknowledgement(envelope) < ACKNOWLEDGED_WITHIN
        town.until("the stranger is told", lambda: len(slack.app.whispers) == 1)
        assert slack.app.whispers[0].user == "U0000WHO"
        assert "Only an operator may acknowledge" in slack.app.whispers[0].text
        assert slack.buttons(alert) == ["acknowledge", "snooze", "approve"]

        # an operator, told to rotator twice
        slack.app.click(alert.ts, "acknowledge", user="U0000ANA", name="ana.n", copies=2)
        town.until("the message says so", lambda: "acknowledged by @ana" in alert.shown)
        assert slack.buttons(alert) == ["snooze", "approve"]
        town.until("the thread too", lambda: "acknowledged by @ana" in slack.thread(alert))

        # the requester, who is an approver too, and then somebody else
        slack.app.click(alert.ts, "approve", user="U0000ANA", name="ana.n")
        town.until("she is told", lambda: len(slack.app.whispers) == 2)
        assert "somebody else has to say yes" in slack.app.whispers[1].text
        assert not town.rotated()
        slack.app.click(alert.ts, "approve", user="U0000CEM", name="cem")
        town.until("it is rotated", town.rotated)
        town.until("and over", lambda: "Resolved" in alert.shown)
        assert slack.buttons(alert) == []
        town.until("the thread says who", lambda: "*@cem*: approve" in slack.thread(alert))
    with town.journal() as journal:
        answers = [one for one in journal.requests(waiting=False) if one.via == "slack"]
    assert [(one.kind, one.by) for one in answers] == [
        (RequestKind.ACKNOWLEDGE, "ana"),
        (RequestKind.APPROVE, "ana"),
        (RequestKind.APPROVE, "cem"),
    ]
    assert "U0000CEM" in answers[-1].because
    assert slack.app.findings == []
    logins = (slack.app.token, slack.app.app_token)
    assert not any(login in town.log.read_text() for login in logins)


def test_a_revoked_app_token_is_told_once_by_mail_and_everything_else_goes_on(
    tmp_path: Path, aws: AwsWorld, people: PeopleWorld, slack: Readers
) -> None:
    town = Town(tmp_path, aws, people)
    slack.app.weather.set_errors({"apps.connections.open": "invalid_auth"})
    with town.daemon(**slack.settings):
        title = "nobody is heard who clicks"
        town.until("a mail says so", lambda: [one for one in town.mails() if title in one])
        town.until("Slack too", lambda: slack.message(title))
        slack.app.weather.set_errors({})
        town.until("it is over", lambda: town.alerts("unreachable") == ["closed"])
        slack.door.wait_for_connections(1)
        assert len([one for one in town.mails() if title in one and "Resolved" not in one]) == 1
    town.platform.stop()


@pytest.mark.parametrize("error", ["token_revoked", "is_archived", "channel_not_found"])
def test_what_slack_does_not_take_is_told_by_mail_once_and_in_slack_in_the_end(
    tmp_path: Path, aws: AwsWorld, people: PeopleWorld, slack: Readers, error: str
) -> None:
    town = Town(tmp_path, aws, people)
    slack.app.weather.set_errors({"chat.postMessage": error})
    with town.daemon(**slack.settings):
        slack.door.wait_for_connections(1, within=60)
        aws.control.set_outages({"ssm": Outage.UNAVAILABLE})
        title = "alerts do not reach slack:"
        town.until("a mail says so", lambda: [one for one in town.mails() if title in one])
        slack.app.weather.set_errors({})
        town.until("told in Slack in the end", lambda: slack.message("store of staging"))
        message = slack.message("store of staging")
        assert message is not None and slack.buttons(message) == ["acknowledge", "snooze"]
        aws.control.set_outages({})
        town.until("and over", lambda: "Resolved" in message.shown)
        town.until("that too", lambda: town.alerts("delivery_failed") == ["closed"])
        assert len([one for one in town.mails() if title in one and "Resolved" not in one]) == 1
    town.platform.stop()


def test_a_listening_daemon_ends_at_once(town: Town, slack: Readers) -> None:
    with town.daemon(**slack.settings):
        slack.door.wait_for_connections(1, within=60)
        town.until("two scans agree", town.scanned)
        began = time.monotonic()
    assert time.monotonic() - began < 10
    slack.door.wait_for_connections(0)
