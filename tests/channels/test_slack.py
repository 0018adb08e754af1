"""What Slack is told, how often, and what its answers mean."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from rotator.channels import slack as slack_channel
from rotator.channels.slack import Slack
from rotator.model.alerts import Receipt, Severity
from rotator.model.errors import Refused, Transient
from rotator.model.secrets import Sealed
from rotator.sandbox.faults import Fault, Outage, Rule
from rotator.sandbox.slack_server import UNINVITED_CHANNEL
from rotator.testing.channel_contract import an_alert, closed
from rotator.testing.surroundings import FreePacer
from rotator.testing.values import fresh_value, raises_silently
from tests.channels.worlds import SlackWorld, WebhookWorld

CHANNEL_ID = "C0123456789"
CRITICAL = an_alert(severity=Severity.CRITICAL)


@pytest.fixture
def webhook(slack: SlackWorld) -> WebhookWorld:
    return WebhookWorld(slack.app, slack.url)


# one message, edited in place, with the story in its thread


def test_the_first_message_is_edited_when_the_alert_worsens_and_when_it_is_over(slack: SlackWorld) -> None:
    channel = slack.channel()
    receipt = channel.deliver(an_alert(), slack.address, None)
    [first] = slack.app.messages
    assert first.shown.startswith("🟠 production: DATABASE_URL rotation failed (deploy)")

    receipt = channel.deliver(CRITICAL, slack.address, receipt)
    assert first.shown.startswith("🔴 production: DATABASE_URL rotation failed (deploy)")

    channel.deliver(closed(CRITICAL), slack.address, receipt)
    assert first.shown.startswith("✅ Resolved: production: DATABASE_URL rotation failed (deploy)")
    assert "rotated on attempt 5, after 2 h" in first.shown
    assert first.edits == 2


def test_what_is_open_is_shown_in_the_channel_again_and_the_end_in_the_thread_only(slack: SlackWorld) -> None:
    channel = slack.channel()
    receipt = channel.deliver(an_alert(), slack.address, None)
    receipt = channel.deliver(CRITICAL, slack.address, receipt)
    receipt = channel.deliver(CRITICAL, slack.address, receipt)
    channel.deliver(closed(CRITICAL), slack.address, receipt)
    first, worse, still, end = slack.app.messages
    assert [reply.thread_ts for reply in (worse, still, end)] == [first.ts] * 3
    assert (worse.aloud, still.aloud, end.aloud) == (True, True, False)
    assert worse.shown.startswith("🔴 *Now critical*: production: DATABASE_URL")
    assert still.shown.startswith("🔴 *Still so*: production: DATABASE_URL")
    assert end.shown == "✅ *Resolved*: rotated on attempt 5, after 2 h"


@pytest.mark.parametrize("error", ["message_not_found", "cant_update_message", "edit_window_closed"])
def test_a_message_that_cannot_be_edited_any_more_is_posted_anew(slack: SlackWorld, error: str) -> None:
    receipt = slack.channel().deliver(an_alert(), CHANNEL_ID, None)
    slack.app.weather.set_errors({"chat.update": error})
    slack.channel().deliver(closed(an_alert()), CHANNEL_ID, receipt)
    _, anew = slack.app.messages
    assert anew.aloud and not anew.thread_ts
    assert anew.shown.startswith("✅ Resolved")


# once


def test_a_lost_answer_is_no_second_message_where_the_channel_is_known_by_its_id(slack: SlackWorld) -> None:
    slack.lose_next_answer()
    with pytest.raises(Transient):
        slack.channel().deliver(an_alert(), CHANNEL_ID, None)
    receipt = slack.channel().deliver(an_alert(), CHANNEL_ID, None)
    [only] = slack.app.messages
    assert receipt.data["ts"] == only.ts


def test_a_lost_answer_is_no_second_message_where_the_channels_id_was_learned(slack: SlackWorld) -> None:
    channel = slack.channel()
    channel.deliver(an_alert(identity="before"), slack.address, None)
    slack.lose_next_answer()
    with pytest.raises(Transient):
        channel.deliver(an_alert(), slack.address, None)
    channel.deliver(an_alert(), slack.address, None)
    assert len(slack.app.messages) == 2


def test_what_got_worse_since_a_lost_answer_is_shown_in_the_message_that_is_there(slack: SlackWorld) -> None:
    slack.lose_next_answer()
    with pytest.raises(Transient):
        slack.channel().deliver(an_alert(), CHANNEL_ID, None)
    slack.channel().deliver(CRITICAL, CHANNEL_ID, None)
    [only] = slack.app.messages
    assert only.shown.startswith("🔴")


def test_an_alert_that_opens_again_says_so_in_its_thread(slack: SlackWorld) -> None:
    receipt = slack.channel().deliver(an_alert(), slack.address, None)
    receipt = slack.channel().deliver(closed(an_alert()), slack.address, receipt)
    slack.channel().deliver(an_alert(opened_at=closed(an_alert()).closed_at), slack.address, receipt)
    first, _, again = slack.app.messages
    assert first.shown.startswith("🟠 production")
    assert again.aloud and again.shown.startswith("🟠 *Open again*: production")


def test_a_lost_answer_is_no_second_reply(slack: SlackWorld) -> None:
    receipt = slack.channel().deliver(an_alert(), slack.address, None)
    slack.lose_next_answer()
    with pytest.raises(Transient):
        slack.channel().deliver(CRITICAL, slack.address, receipt)
    slack.channel().deliver(CRITICAL, slack.address, receipt)
    assert len(slack.app.messages) == 2


def test_without_the_scope_to_look_a_lost_answer_is_told_twice(slack: SlackWorld) -> None:
    slack.app.weather.set_errors({"conversations.history": "missing_scope"})
    slack.lose_next_answer()
    with pytest.raises(Transient):
        slack.channel().deliver(an_alert(), CHANNEL_ID, None)
    slack.channel().deliver(an_alert(), CHANNEL_ID, None)
    assert len(slack.app.messages) == 2


def test_the_sdk_never_posts_again_by_itself(slack: SlackWorld) -> None:
    slack.app.weather.set_faults([Rule(Fault.LOST_ANSWER, "chat.postMessage")])
    with pytest.raises(Transient):
        slack.channel().deliver(an_alert(), slack.address, None)
    assert slack.app.weather.counts["calls"]["chat.postMessage"] == 1


# what Slack's answers mean


def test_later_is_told_to_all_replicas(slack: SlackWorld) -> None:
    slack.say_later(timedelta(seconds=30))
    with pytest.raises(Transient) as caught:
        slack.channel().deliver(an_alert(), slack.address, None)
    assert caught.value.retry_after == timedelta(seconds=30)
    assert slack.pacer.backed_off == [(f"slack:{slack.address}", timedelta(seconds=30))]


def test_later_without_a_time_is_transient_too(slack: SlackWorld) -> None:
    slack.say_later(timedelta())
    with pytest.raises(Transient) as caught:
        slack.channel().deliver(an_alert(), slack.address, None)
    assert caught.value.retry_after is None


def test_every_message_asks_for_its_turn_in_its_channel(slack: SlackWorld, webhook: WebhookWorld) -> None:
    receipt = slack.channel().deliver(an_alert(), CHANNEL_ID, None)
    slack.channel().deliver(CRITICAL, CHANNEL_ID, receipt)
    webhook.channel().deliver(an_alert(), "#elsewhere", None)
    receipt = slack.channel().deliver(an_alert(identity="other"), "#ops", None)
    slack.channel().deliver(closed(an_alert(identity="other")), "#ops", receipt)
    assert slack.pacer.paced == [(f"slack:{CHANNEL_ID}", 1.0, 1)] * 2 + [("slack:#ops", 1.0, 1)] * 2
    assert webhook.pacer.paced == [("slack:#elsewhere", 1.0, 1)]


@pytest.mark.parametrize(
    "error, advice",
    [
        ("invalid_auth", "put a valid one into ROTATOR_SLACK_TOKEN"),
        ("token_revoked", "put a valid one into ROTATOR_SLACK_TOKEN"),
        ("channel_not_found", "knows no channel #ops-secrets"),
        ("not_in_channel", "the app is not in #ops-secrets; invite it there"),
        ("is_archived", "#ops-secrets is archived"),
        ("missing_scope", "give it chat:write"),
        ("restricted_action", "it says restricted_action"),
    ],
)
def test_trouble_with_the_settings_keeps_the_alert_and_says_what_to_do(
    slack: SlackWorld, error: str, advice: str
) -> None:
    slack.app.weather.set_errors({"chat.postMessage": error})
    with raises_silently(Transient, *slack.logins) as caught:
        slack.channel().deliver(an_alert(), slack.address, None)
    assert advice in str(caught.value)
    assert str(caught.value).endswith("The alert is kept and tried again")


def test_an_app_that_was_not_invited_says_so(slack: SlackWorld) -> None:
    with pytest.raises(Transient, match=f"the app is not in {UNINVITED_CHANNEL}"):
        slack.channel().deliver(an_alert(), UNINVITED_CHANNEL, None)


def test_a_message_whose_blocks_slack_does_not_like_arrives_as_plain_text(slack: SlackWorld) -> None:
    slack.app.weather.set_errors({"chat.postMessage": "invalid_blocks", "chat.update": "msg_blocks_too_long"})
    receipt = slack.channel().deliver(an_alert(), slack.address, None)
    slack.channel().deliver(closed(an_alert()), slack.address, receipt)
    parent, reply = slack.app.messages
    assert parent.blocks == reply.blocks == []
    assert parent.shown.startswith("✅ Resolved: production: DATABASE_URL")


def test_the_same_by_webhook(webhook: WebhookWorld) -> None:
    webhook.app.weather.set_errors({"webhook": "invalid_blocks"})
    webhook.channel().deliver(an_alert(), "", None)
    [message] = webhook.app.messages
    assert (
        message.shown
        == "🟠 production: DATABASE_URL rotation failed (deploy) (rotator history production/DATABASE_URL)"
    )


def test_a_message_that_slack_takes_in_no_form_is_refused(slack: SlackWorld) -> None:
    slack.app.weather.set_errors({"chat.postMessage": "msg_too_long"})
    with pytest.raises(Refused, match="msg_too_long"):
        slack.channel().deliver(an_alert(), slack.address, None)


@pytest.mark.parametrize("outage", list(Outage))
def test_slack_away_is_transient(slack: SlackWorld, webhook: WebhookWorld, outage: Outage) -> None:
    slack.app.weather.set_outages({"slack": outage})
    for world in (slack, webhook):
        with raises_silently(Transient, *world.logins, Sealed(slack.app.webhook)):
            world.channel().deliver(an_alert(), world.address, None)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\n\r\n<html>token=hunter2</html>",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>please log in</html>",
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\n\r\n\xff\xfe",
        b"what?\r\n\r\n",
        b"",
    ],
)
def test_an_answer_that_is_not_slacks_is_transient_and_not_repeated(answer: bytes) -> None:
    with _answering(answer) as url:
        channels = [
            Slack(token=fresh_value(), pacer=FreePacer(), base_url=f"{url}/api/"),
            Slack(webhook=Sealed(f"{url}/services/T/B/hunter2"), pacer=FreePacer()),
        ]
        for channel in channels:
            with raises_silently(Transient, Sealed("hunter2"), Sealed("<html>")):
                channel.deliver(an_alert(), "#ops", None)


def test_a_slow_slack_is_transient(slack: SlackWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slack_channel, "_ANSWER_SECONDS", 0.2)
    slack.app.weather.set_faults([Rule(Fault.SLOW, "chat.postMessage", seconds=1.5)])
    with pytest.raises(Transient, match="no answer from Slack"):
        slack.channel().deliver(an_alert(), slack.address, None)


# silence about logins


@pytest.mark.parametrize("tail", ["\r\nX-More: yes", "\x00", "ü", " "])
def test_a_mangled_token_is_never_shown(slack: SlackWorld, tail: str) -> None:
    login = fresh_value()
    channel = Slack(
        token=Sealed(login.reveal() + tail + login.reveal()), pacer=FreePacer(), base_url=f"{slack.url}/api/"
    )
    with raises_silently(Transient, login):
        channel.deliver(an_alert(), slack.address, None)


@pytest.mark.parametrize(
    "url", ["{}", "ftp://x/{}", "http://127.0.0.1:1/{}", "http://[{}", "http://a b/{}", "http:///{}"]
)
def test_a_mangled_webhook_is_never_shown(url: str) -> None:
    login = fresh_value()
    with raises_silently(Transient, login):
        Slack(webhook=Sealed(url.format(login.reveal())), pacer=FreePacer()).deliver(an_alert(), "", None)


def test_a_webhook_with_a_line_end_works(webhook: WebhookWorld) -> None:
    Slack(webhook=Sealed(webhook.url + webhook.app.webhook + "\n"), pacer=FreePacer()).deliver(
        an_alert(), "", None
    )
    assert len(webhook.app.messages) == 1


def test_nothing_is_logged(
    slack: SlackWorld, webhook: WebhookWorld, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for world in (slack, webhook):
        world.channel().deliver(an_alert(), world.address, None)
        world.go_away()
        with pytest.raises(Transient):
            world.channel().deliver(an_alert(), world.address, None)
        world.come_back()
    assert [record for record in caplog.records if record.name.startswith("slack_sdk")] == []


# settings


def test_slack_without_any_login_is_refused() -> None:
    with pytest.raises(Refused, match="ROTATOR_SLACK_TOKEN, ROTATOR_SLACK_WEBHOOK"):
        Slack(pacer=FreePacer())


def test_with_both_logins_the_bot_speaks_and_goes_on_where_the_webhook_began(
    slack: SlackWorld, webhook: WebhookWorld
) -> None:
    receipt = webhook.channel().deliver(an_alert(), slack.address, None)
    both = Slack(
        token=Sealed(slack.app.token),
        webhook=Sealed(slack.url + slack.app.webhook),
        pacer=FreePacer(),
        base_url=f"{slack.url}/api/",
    )
    receipt = both.deliver(CRITICAL, slack.address, receipt)
    assert receipt.data["ts"] == slack.app.messages[-1].ts
    webhook.channel().deliver(closed(CRITICAL), slack.address, receipt)
    assert slack.app.messages[-1].shown.startswith("✅ Resolved")


@contextmanager
def _answering(answer: bytes) -> Iterator[str]:
    """A server that gives everybody the same answer."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stop = threading.Event()

        def serve() -> None:
            while not stop.is_set():
                caller, _ = listener.accept()
                with caller:
                    if not stop.is_set():
                        caller.recv(1 << 20)
                        caller.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        port = listener.getsockname()[1]
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            stop.set()
            socket.create_connection(("127.0.0.1", port)).close()
            thread.join()


def lost_and_again(slack: SlackWorld, channel: Slack) -> int:
    """How often a first message whose answer was lost is in the channel once the next process has told it again."""
    slack.lose_next_answer()
    with pytest.raises(Transient):
        slack.channel().deliver(an_alert(), slack.address, None)
    channel.deliver(an_alert(), slack.address, None)
    return len(slack.app.messages)


def test_a_process_that_just_began_finds_a_message_in_a_channel_that_it_knows_by_name(
    slack: SlackWorld,
) -> None:
    assert lost_and_again(slack, slack.channel()) == 1


def test_without_the_scopes_for_that_it_finds_it_by_what_the_journal_knows_of_the_channel(
    slack: SlackWorld,
) -> None:
    slack.app.weather.set_errors({"users.conversations": "missing_scope"})
    receipt = slack.channel().deliver(an_alert(identity="other"), slack.address, None)
    reminded = slack.channel()
    reminded.remind(slack.address, receipt)
    assert lost_and_again(slack, reminded) == 2, "the other one, and this one once"


def test_with_neither_it_is_told_twice_rather_than_never(slack: SlackWorld) -> None:
    slack.app.weather.set_errors({"users.conversations": "missing_scope"})
    assert lost_and_again(slack, slack.channel()) == 2


def test_a_name_that_moved_to_another_channel_is_posted_to_where_it_is_now(slack: SlackWorld) -> None:
    channel = slack.channel()
    channel.remind(slack.address, Receipt(data={"channel": "C0FORMER01", "ts": "1.0"}))
    receipt = channel.deliver(an_alert(), slack.address, None)
    assert receipt.data["channel"] != "C0FORMER01"
