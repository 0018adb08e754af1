"""The people of the sandbox are as strict as Slack and a mail server, and tell what they saw."""

from __future__ import annotations

import smtplib
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from rotator.channels.slack import Slack
from rotator.channels.smtp import Smtp
from rotator.clock import SystemClock
from rotator.model.errors import Transient
from rotator.model.secrets import Sealed
from rotator.sandbox.faults import Fault, Outage, Rule
from rotator.sandbox.people import SMTP_HOST, PeopleWorld
from rotator.sandbox.slack_limits import fault_in, strange_markup
from rotator.sandbox.slack_server import UNKNOWN_CHANNEL
from rotator.testing.channel_contract import an_alert, closed
from rotator.testing.surroundings import FreePacer
from tests.channels.worlds import MailWorld, SlackWorld


@pytest.fixture
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PeopleWorld]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with PeopleWorld(tmp_path) as world:
        yield world


def _channels(people: PeopleWorld) -> tuple[Slack, Slack, Smtp]:
    return (
        Slack(token=Sealed(people.logins.slack_token), pacer=FreePacer(), base_url=people.slack_api),
        Slack(webhook=Sealed(people.slack_webhook), pacer=FreePacer()),
        Smtp(
            host=SMTP_HOST,
            port=people.smtp_port,
            username=people.logins.smtp_username,
            password=Sealed(people.logins.smtp_password),
            sender="rotator@taly.example",
            clock=SystemClock(),
            ca_file=people.ca_file,
        ),
    )


# the process


def test_they_tell_by_alert_what_they_saw(people: PeopleWorld) -> None:
    bot, webhook, mail = _channels(people)
    for channel, address in ((bot, "#ops"), (webhook, "#ops"), (mail, "platform@taly.example")):
        receipt = channel.deliver(an_alert(), address, None)
        channel.deliver(closed(an_alert()), address, receipt)
    statistics = people.control.statistics()
    assert statistics["alerts"] == {an_alert().identity: {"slack": 4, "mail": 2, "resolved": 4}}
    assert statistics["findings"] == []
    assert statistics["calls"]["chat.postMessage"] == 2
    messages = people.control.messages()
    assert [len(messages["slack"]), len(messages["mail"])] == [4, 2]
    raw = "".join(people.control.raw())
    assert raw.count("rotation_failed/production/DATABASE_URL/ro_1") >= 6
    assert not any(login in raw for login in (people.logins.slack_token, people.logins.smtp_password))


@pytest.mark.slow
def test_they_obey(people: PeopleWorld) -> None:
    bot, webhook, mail = _channels(people)
    people.control.set_posts_per_second(None)
    people.control.set_outages({"slack": Outage.UNAVAILABLE, "mail": Outage.CLOSED})
    for channel, address in ((bot, "#ops"), (webhook, "#ops"), (mail, "platform@taly.example")):
        with pytest.raises(Transient):
            channel.deliver(an_alert(), address, None)
    people.control.set_outages({})
    people.control.set_faults([Rule(Fault.LOST_ANSWER, "mail.data", times=1)], seed=3)
    with pytest.raises(Transient):
        mail.deliver(an_alert(), "platform@taly.example", None)
    people.control.set_errors({"webhook": "no_service"})
    with pytest.raises(Transient, match="ROTATOR_SLACK_WEBHOOK"):
        webhook.deliver(an_alert(), "#ops", None)
    assert people.control.statistics()["faults"]["lost_answer"] == 1


@pytest.mark.slow
def test_they_come_back_at_the_same_place_and_remember_nothing(people: PeopleWorld) -> None:
    bot, _, mail = _channels(people)
    bot.deliver(an_alert(), "#ops", None)
    people.stop()
    people.start()
    assert people.control.messages() == {"slack": [], "mail": []}
    bot.deliver(an_alert(), "#ops", None)
    mail.deliver(an_alert(), "platform@taly.example", None)


# Slack's stand-in


def _call(slack: SlackWorld, method: str, token: str | None = None, **arguments: Any) -> httpx.Response:
    login = {"Authorization": f"Bearer {slack.app.token if token is None else token}"}
    return httpx.post(f"{slack.url}/api/{method}", json=arguments, headers=login, timeout=60, trust_env=False)


def test_about_one_message_a_second_goes_into_a_channel(
    slack: SlackWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = SimpleNamespace(monotonic=lambda: 0.0, time=time.time)  # however long six calls take
    monkeypatch.setattr("rotator.sandbox.slack_server.time", at_once)
    slack.app.posts_per_second = 1.0
    answers = [_call(slack, "chat.postMessage", channel="#busy", text="hello") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 3 + [429] * 3
    assert answers[-1].headers["Retry-After"] == "1"
    assert answers[-1].json() == {"ok": False, "error": "ratelimited"}
    assert _call(slack, "chat.postMessage", channel="#other", text="hello").json()["ok"]


def test_a_channel_has_one_id_under_its_name_and_its_id(slack: SlackWorld) -> None:
    first = _call(slack, "chat.postMessage", channel="#ops", text="hello").json()
    assert first["channel"].startswith("C")
    assert (
        _call(slack, "chat.postMessage", channel=first["channel"], text="hello").json()["channel"]
        == first["channel"]
    )


@pytest.mark.parametrize(
    "method, arguments, error",
    [
        ("chat.postMessage", {"channel": "#ops"}, "no_text"),
        ("chat.postMessage", {"channel": UNKNOWN_CHANNEL, "text": "x"}, "channel_not_found"),
        ("chat.postMessage", {"channel": "#ops", "text": "x", "thread_ts": "1.1"}, "thread_not_found"),
        ("chat.postMessage", {"channel": "#ops", "text": "x" * 40001}, "msg_too_long"),
        (
            "chat.postMessage",
            {"channel": "#ops", "text": "x", "blocks": [{"type": "surprise"}]},
            "invalid_blocks",
        ),
        ("chat.update", {"channel": "#ops", "ts": "1.1", "text": "x"}, "message_not_found"),
        ("conversations.replies", {"channel": "#ops", "ts": "1.1"}, "thread_not_found"),
        ("chat.delete", {"channel": "#ops", "ts": "1.1"}, "unknown_method"),
    ],
)
def test_slack_refuses_by_its_own_words(
    slack: SlackWorld, method: str, arguments: dict[str, Any], error: str
) -> None:
    assert _call(slack, method, **arguments).json() == {"ok": False, "error": error}


def test_slack_wants_its_token(slack: SlackWorld) -> None:
    answer = _call(slack, "chat.postMessage", token="guess", channel="#ops", text="x")
    assert answer.json() == {"ok": False, "error": "invalid_auth"}


def _text(said: str, kind: str = "mrkdwn") -> dict[str, Any]:
    return {"type": kind, "text": said}


@pytest.mark.parametrize(
    "blocks, error",
    [
        ([{"type": "header", "text": _text("x" * 150, "plain_text")}], None),
        ([{"type": "header", "text": _text("x" * 151, "plain_text")}], "invalid_blocks"),
        ([{"type": "header", "text": _text("🔴" * 76, "plain_text")}], "invalid_blocks"),
        ([{"type": "header", "text": _text("x")}], "invalid_blocks"),
        ([{"type": "section", "text": _text("x" * 3000)}], None),
        ([{"type": "section", "text": _text("x" * 3001)}], "invalid_blocks"),
        ([{"type": "section", "text": _text("")}], "invalid_blocks"),
        ([{"type": "section"}], "invalid_blocks"),
        ([{"type": "section", "fields": [_text("x")] * 10}], None),
        ([{"type": "section", "fields": [_text("x")] * 11}], "invalid_blocks"),
        ([{"type": "section", "fields": [_text("x" * 2001)]}], "invalid_blocks"),
        ([{"type": "context", "elements": []}], "invalid_blocks"),
        ([{"type": "divider"}] * 50, None),
        ([{"type": "divider"}] * 51, "invalid_blocks"),
        ([{"type": "section", "text": _text("x" * 3000)}] * 5, "msg_blocks_too_long"),
        ("text", "invalid_blocks"),
        (["text"], "invalid_blocks"),
    ],
)
def test_slack_keeps_its_limits(blocks: Any, error: str | None) -> None:
    assert fault_in("text", blocks) == error


@pytest.mark.parametrize(
    "said", ["<!channel>", "<@U123>", "<https://x.example|y>", "a < b", "a & b", "a > b"]
)
def test_markup_that_we_did_not_mean_is_found(said: str) -> None:
    assert strange_markup(said, []) != []
    assert strange_markup("", [{"type": "section", "text": _text(said)}]) != []
    assert strange_markup("", [{"type": "header", "text": _text(said, "plain_text")}]) == []


# the mail server


def test_mail_wants_starttls_and_a_login(mail: MailWorld) -> None:
    with smtplib.SMTP("127.0.0.1", mail.server.port, local_hostname="x.example", timeout=60) as session:
        assert session.docmd("EHLO", "x.example")[0] == 250
        assert session.docmd("MAIL", "FROM:<a@x.example>") == (530, b"Must issue a STARTTLS command first")
        session.starttls(context=ssl.create_default_context(cafile=mail.ca_file))
        session.ehlo()
        assert session.docmd("MAIL", "FROM:<a@x.example>")[0] == 530
        with pytest.raises(smtplib.SMTPAuthenticationError):
            session.login(mail.server.username, "guess")
        session.login(mail.server.username, mail.server.password)
        assert session.docmd("MAIL", "FROM:<a@x.example>")[0] == 250
