"""What Slack's people see once somebody has clicked, or has answered elsewhere."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from rotator.channels.slack import Slack
from rotator.model.alerts import Alert, AlertState, Hush, Receipt, Severity
from rotator.model.clicks import Click, Clicker, Offer, Reply, Verb
from rotator.model.errors import JournalAway
from rotator.model.secrets import Sealed
from rotator.sandbox.slack_server import Message
from rotator.testing.channel_contract import an_alert, closed
from rotator.testing.values import fresh_value
from tests.channels.worlds import SlackWorld

AT = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)
HUSH = Hush(state=AlertState.ACKNOWLEDGED, by="ana", at=AT, severity=Severity.WARNING)
CLICK = Click(
    id="c" * 20, verb=Verb.RETRY, alert="al_1", about="ro_1", by=Clicker(id="U0ANA", name="<!here>")
)

DONE = Reply(sentence="ro_1 tries again now", done=True, aloud=True)


@dataclass
class Desk:
    """Takes clicks as the test says."""

    reply: Reply = field(default_factory=lambda: DONE)
    now: Alert | None = field(default_factory=an_alert)
    trouble: Exception | None = None
    taken: list[Click] = field(default_factory=list)

    def offers(self, alert: Alert) -> Sequence[Offer]:
        if self.trouble:
            raise self.trouble
        return [] if alert.hush else [Offer(verb=Verb.ACKNOWLEDGE, about=alert.id)]

    def take(self, click: Click) -> Reply:
        self.taken.append(click)
        if self.trouble:
            raise self.trouble
        return self.reply

    def alert(self, short_id: str) -> Alert | None:
        return self.now

    def groups(self) -> Sequence[str]:
        return []


def channel(slack: SlackWorld, desk: Desk) -> Slack:
    return Slack(
        token=Sealed(slack.app.token),
        app_token=fresh_value(),
        clicks=desk,
        pacer=slack.pacer,
        base_url=f"{slack.url}/api/",
    )


def clicked(slack: SlackWorld, desk: Desk, click: Click = CLICK, trouble: Exception | None = None) -> Message:
    """Posts an alert, and somebody clicks on it; the first message as it is then."""
    bot = channel(slack, desk)
    receipt = bot.deliver(an_alert(), slack.address, None)
    assert bot._bot is not None
    desk.trouble = trouble
    bot._bot.act(receipt.data["channel"], receipt.data["ts"], click)
    return slack.app.messages[0]


def rows(message: Message) -> int:
    return sum(block["type"] == "actions" for block in message.blocks)


def test_what_was_done_is_told_in_the_thread_and_the_message_shows_how_it_is(slack: SlackWorld) -> None:
    first = clicked(slack, Desk(now=an_alert(hush=HUSH)))
    [_, reply] = slack.app.messages
    assert (reply.thread_ts, reply.aloud) == (first.ts, False)
    assert reply.shown == "✋ *@&lt;!here&gt;*: retry. ro_1 tries again now"
    assert "acknowledged by @ana" in first.shown
    assert rows(first) == 0
    assert (slack.app.whispers, slack.app.findings) == ([], [])


def test_what_was_not_done_is_told_to_the_clicker_alone(slack: SlackWorld) -> None:
    first = clicked(slack, Desk(reply=Reply(sentence="Only an <operator> may", done=False)))
    [whisper] = slack.app.whispers
    assert (whisper.user, whisper.text) == ("U0ANA", "Only an &lt;operator&gt; may")
    assert len(slack.app.messages) == 1
    assert first.edits == 0


def test_a_stale_button_is_gone_after_the_click(slack: SlackWorld) -> None:
    over = closed(an_alert())
    first = clicked(slack, Desk(reply=Reply(sentence="it is over", done=False, stale=True), now=over))
    assert first.shown.startswith("✅ Resolved")
    assert len(slack.app.whispers) == 1


def test_a_click_that_was_taken_before_is_told_to_nobody(slack: SlackWorld) -> None:
    first = clicked(slack, Desk(reply=Reply(sentence="x", done=True, again=True)))
    assert (len(slack.app.messages), slack.app.whispers, first.edits) == (1, [], 0)


def test_one_click_is_one_message_in_the_thread_also_when_its_answer_was_lost(slack: SlackWorld) -> None:
    desk = Desk()
    first = clicked(slack, desk)
    bot = channel(slack, desk)._bot
    assert bot is not None
    bot.act(first.channel, first.ts, CLICK)
    assert len(slack.app.messages) == 2


def test_a_message_about_several_is_left_to_the_outbox(slack: SlackWorld) -> None:
    first = clicked(slack, Desk(), CLICK.model_copy(update={"alert": "many:al_1,al_2"}))
    assert first.edits == 0


@pytest.mark.parametrize("trouble", [JournalAway("no answer"), KeyError("a bug")])
def test_while_something_is_away_whoever_clicks_is_asked_to_click_again(
    slack: SlackWorld, trouble: Exception
) -> None:
    desk = Desk()
    first = clicked(slack, desk, trouble=trouble)
    [whisper] = slack.app.whispers
    assert whisper.text == "rotator cannot do that right now; click again in a minute"
    assert first.edits == 0


@pytest.mark.parametrize("error", ["token_revoked", "user_not_in_channel", "internal_error"])
def test_slack_may_take_no_answer_and_the_click_is_taken_all_the_same(slack: SlackWorld, error: str) -> None:
    slack.app.weather.set_errors({"chat.postEphemeral": error, "chat.update": error})
    desk = Desk(reply=Reply(sentence="it is over", done=False, stale=True))
    clicked(slack, desk)
    assert len(desk.taken) == 1


def test_an_answer_that_came_elsewhere_is_shown_and_told_once_in_the_thread(slack: SlackWorld) -> None:
    bot = channel(slack, Desk())
    receipt = bot.deliver(an_alert(), slack.address, None)
    for _ in range(2):
        assert bot.edit(an_alert(hush=HUSH), slack.address, receipt) == receipt
    first, reply = slack.app.messages
    assert "✋ acknowledged by @ana" in first.shown
    assert reply.shown == "✋ acknowledged by @ana at 2026-11-26 09:30 UTC"
    assert (reply.thread_ts, reply.aloud) == (first.ts, False)
    bot.edit(an_alert(), slack.address, receipt)
    assert "acknowledged" not in first.shown
    assert rows(first) == 1


def test_a_message_that_cannot_be_edited_any_more_is_left_as_it_is(slack: SlackWorld) -> None:
    bot = channel(slack, Desk())
    receipt = bot.deliver(an_alert(), slack.address, None)
    slack.app.weather.set_errors({"chat.update": "edit_window_closed"})
    bot.edit(an_alert(hush=HUSH), slack.address, receipt)
    assert len(slack.app.messages) == 1


def test_a_message_goes_without_buttons_where_nobody_knows_what_can_be_done(slack: SlackWorld) -> None:
    channel(slack, Desk(trouble=JournalAway("no answer"))).deliver(an_alert(), slack.address, None)
    assert rows(slack.app.messages[0]) == 0


def test_a_webhook_neither_listens_nor_edits(slack: SlackWorld) -> None:
    hook = Slack(webhook=Sealed(slack.url + slack.app.webhook), clicks=Desk(), pacer=slack.pacer)
    receipt = hook.deliver(an_alert(), slack.address, None)
    assert hook.edit(an_alert(hush=HUSH), slack.address, receipt) == receipt
    assert not hook.listens
    assert f"rotator ack {an_alert().id}" in slack.app.messages[0].shown
    assert slack.app.messages[0].edits == 0


def test_without_an_app_token_the_message_holds_the_command(slack: SlackWorld) -> None:
    bot = slack.channel()
    bot.deliver(an_alert(), slack.address, None)
    assert not bot.listens
    assert f"rotator ack {an_alert().id}" in slack.app.messages[0].shown
    assert bot.edit(an_alert(hush=HUSH), slack.address, Receipt()) == Receipt()


@pytest.mark.slow
def test_a_websocket_is_loaded_only_where_somebody_listens() -> None:
    said = "import sys, rotator.daemon.run, rotator.engine.clicks; print([m for m in sys.modules if 'slack' in m])"
    assert _printed(said) == "[]"
    said = "import sys, rotator.channels.slack; print('slack_sdk.socket_mode' in sys.modules)"
    assert _printed(said) == "False"


def _printed(program: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=200
    ).stdout.strip()
