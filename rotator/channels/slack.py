"""Slack: a bot that edits what it posted, or an incoming webhook that can only post.

With a bot token the first message of an alert is its face: edited in place when it worsens and when it is over, so
that a channel shows how things are and not how they were. Its thread holds the story. An edit notifies nobody, so
whatever is still open is also said in the thread and shown in the channel again; the end is said in the thread only.

With an app-level token besides, messages have buttons, and what people click comes back (slack_socket.py). What was
done is said in the thread for all to read, what was not to the clicker alone, and the message shows how things are.

Slack has no idempotency key. A message therefore carries what it is about in its metadata, and before posting, the
channel's latest messages are searched for it: an answer that was lost, or a process that was killed before it could
write the receipt down, then does not tell people twice. That needs the scopes channels:history and groups:history, and
the channel's id (slack_channels.py); without them a lost answer is told a second time.
"""

from __future__ import annotations

import http.client
import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar, Protocol, TypeVar

import structlog
from slack_sdk.errors import SlackClientError
from slack_sdk.models.blocks import Block
from slack_sdk.web import WebClient
from slack_sdk.webhook import WebhookClient

from rotator.channels import slack_blocks
from rotator.channels.slack_answers import UNEDITABLE, Rejected, answer, kept, laid_out, trouble
from rotator.channels.slack_buttons import of_several, told_of
from rotator.channels.slack_channels import Channels
from rotator.channels.slack_marks import answer_mark, found, mark
from rotator.channels.wording import answered, level
from rotator.contracts.clicks import Clicks
from rotator.contracts.clock import Clock
from rotator.contracts.guard import guard
from rotator.contracts.pacer import Pacer
from rotator.model.alerts import Alert, Receipt
from rotator.model.clicks import Click, Offer, Reply
from rotator.model.errors import Refused, RotatorError, Transient
from rotator.model.secrets import Sealed

#: We wait this long at most for each answer; the three calls of one delivery stay within CALL_SECONDS.
_ANSWER_SECONDS = 3
#: Slack's own limit for posting into one channel (Web API rate limits, "chat.postMessage").
_POSTS_PER_SECOND = 1.0
log = structlog.get_logger()

#: What the SDK raises where no answer came.
_LOST = (SlackClientError, OSError, http.client.HTTPException, ValueError)
_NOT_NOW = Reply(sentence="rotator cannot do that right now; click again in a minute", done=False)


T = TypeVar("T")


class _Way(Protocol):
    def deliver(self, alert: Alert, address: str, earlier: Receipt | None) -> Receipt: ...

    def edit(self, alert: Alert, address: str, earlier: Receipt) -> None: ...


class Slack:
    """Alerts in Slack. `address` is a channel's id or name; a webhook posts into its own channel whatever it is.

    `docs_url` is where the folder docs is served, for links to its pages. With `clicks` and an app-level token messages
    have buttons. Raises Refused when neither a bot token nor a webhook is given; with both, the token is used.
    """

    needs: ClassVar[str] = (
        "a bot token with chat:write, or an incoming webhook; an app-level token for buttons"
    )
    tried_on: ClassVar[str] = "a stand-in, through the Slack SDK"

    def __init__(
        self,
        *,
        token: Sealed | None = None,
        webhook: Sealed | None = None,
        app_token: Sealed | None = None,
        clicks: Clicks | None = None,
        pacer: Pacer,
        base_url: str | None = None,
        docs_url: str | None = None,
    ) -> None:
        self._pacer, self._app_token = pacer, app_token
        self._bot: _Bot | None = None
        self._way: _Way
        if token is not None:
            heard = clicks if app_token is not None else None
            self._way = self._bot = _Bot(token, pacer, base_url or WebClient.BASE_URL, docs_url, heard)
        elif webhook is not None:
            self._way = _Webhook(webhook, pacer, docs_url)
        else:
            logins = "ROTATOR_SLACK_TOKEN, ROTATOR_SLACK_WEBHOOK"
            raise Refused(f"Slack needs a bot token or an incoming webhook: {logins}")

    def deliver(self, alert: Alert, address: str, earlier: Receipt | None) -> Receipt:
        """Posts the alert, or edits its message and continues its thread.

        The receipt holds `channel` and `ts` (not from a webhook), `told` and `said`: what was told last and how many
        times. Raises Transient for all trouble that time or a person can end, NotYet when the channel's next free
        moment is far away, Refused for a message that Slack will not take.
        """
        return self._sent(address, lambda: self._way.deliver(alert, address, earlier))

    def edit(self, alert: Alert, address: str, earlier: Receipt) -> Receipt:
        """Makes the first message say what somebody answered; a webhook's message stays as it is. Raises as deliver."""
        self._sent(address, lambda: self._way.edit(alert, address, earlier))
        return earlier

    def remind(self, address: str, receipt: Receipt) -> None:
        """Learns the id of a channel that is known by its name."""
        if self._bot is not None:
            self._bot.remind(address, receipt)

    @property
    def listens(self) -> bool:
        """Whether its messages have buttons."""
        return self._bot is not None and self._bot.clicks is not None

    def listen(self, clock: Clock, stopped: threading.Event, say: Callable[[str], None]) -> None:
        """Takes clicks until `stopped`; `say` gets why none can be heard, and an empty text when they can again."""
        from rotator.channels.slack_socket import SlackSocket  # noqa: PLC0415  # a WebSocket only where it is wanted

        bot, app_token = self._bot, self._app_token
        assert bot is not None and bot.clicks is not None and app_token is not None, (
            "asked only where it listens"
        )
        ear = SlackSocket(
            web=bot.client(),
            app_token=app_token.reveal(),
            clock=clock,
            act=bot.act,
            groups=bot.clicks.groups,
        )
        ear.listen(stopped, say)

    def _sent(self, address: str, send: Callable[[], T]) -> T:
        try:
            return send()
        except Rejected as rejected:
            if rejected.retry_after is not None:
                self._pacer.back_off(_account(address), rejected.retry_after)
            raise trouble(rejected, address) from None
        except _LOST as lost:
            # Their texts may hold the webhook's address or the token, so only their kind is told, and no cause is kept.
            kind = type(getattr(lost, "reason", lost)).__name__
            raise Transient(kept(f"no answer from Slack ({kind})")) from None


class _Bot:
    def __init__(
        self, token: Sealed, pacer: Pacer, base_url: str, docs_url: str | None, clicks: Clicks | None
    ) -> None:
        self._token, self._pacer, self._base_url, self._docs_url = token, pacer, base_url, docs_url
        self.clicks = clicks
        self._channels = Channels()

    def client(self) -> WebClient:
        return WebClient(
            self._token.reveal(),
            self._base_url,
            timeout=_ANSWER_SECONDS,
            retry_handlers=[],  # the SDK's own would post again after a lost answer
            logger=_silent(),
        )

    def remind(self, address: str, receipt: Receipt) -> None:
        if "channel" in receipt.data:  # a webhook's has none
            self._channels.remind(address, receipt.data["channel"])

    def deliver(self, alert: Alert, address: str, earlier: Receipt | None) -> Receipt:
        client = self.client()
        said = _next(earlier)
        if earlier is None or "ts" not in earlier.data:
            return self._opened(client, alert, address, said)
        channel, ts = earlier.data["channel"], earlier.data["ts"]
        if not self._edited(client, alert, channel, ts):
            return self._opened(client, alert, address, said)
        told = mark(alert, said)
        if not found(told, client.conversations_replies, channel=channel, ts=ts):
            reply = {"thread_ts": ts, "reply_broadcast": not alert.closed, "metadata": told}
            self._posted(
                client, alert, address, channel, slack_blocks.reply(alert, earlier.data["told"]), reply
            )
        return _receipt(alert, said, channel=channel, ts=ts)

    def edit(self, alert: Alert, address: str, earlier: Receipt) -> None:
        """The first message, and in its thread who answered what."""
        if "ts" not in earlier.data:
            return
        client, channel, ts = self.client(), earlier.data["channel"], earlier.data["ts"]
        if not self._edited(client, alert, channel, ts) or alert.hush is None or alert.members:
            return  # rows of a message about several say it themselves
        told = answer_mark(f"{alert.identity} {alert.hush.at.isoformat()}")
        if not found(told, client.conversations_replies, channel=channel, ts=ts):
            said = {"text": slack_blocks.plain(answered(alert)), "thread_ts": ts, "metadata": told}
            self._posted(client, alert, address, channel, slack_blocks.answered(alert), said)

    def act(self, channel: str, ts: str, click: Click) -> None:
        """Does what a click asks, and says what became of it. Raises nothing: whoever clicked can click again."""
        assert self.clicks is not None, "without them nobody listens"
        said = {"by": click.by.id, "name": click.by.name, "verb": click.verb.value, "about": click.about}
        try:
            reply = self.clicks.take(click)
        except Exception as failure:  # noqa: BLE001 - whatever it is, whoever clicked waits for a word
            known = isinstance(failure, RotatorError)
            trouble = str(failure) if known else f"an unexpected {type(failure).__name__}: a bug of rotator"
            log.warning("a click was not taken", **said, trouble=trouble)
            reply = _NOT_NOW
        try:
            self._reply(channel, ts, click, reply)
        except (Rejected, RotatorError, *_LOST) as lost:
            log.warning("a click was not answered", **said, trouble=type(lost).__name__)
        else:
            log.info("clicked", **said, done=reply.done, sentence=reply.sentence)

    def _reply(self, channel: str, ts: str, click: Click, reply: Reply) -> None:
        assert self.clicks is not None, "without them nobody listens"
        if reply.again:
            return
        client = self.client()
        if not reply.done:
            answer(
                client.chat_postEphemeral,
                channel=channel,
                user=click.by.id,
                text=slack_blocks.plain(reply.sentence),
            )
        alert = None if of_several(click.alert) else self.clicks.alert(told_of(click.alert)[0])
        if alert is not None and (reply.done or reply.stale):
            self._edited(client, alert, channel, ts)
        told = answer_mark(click.id)
        if reply.aloud and not found(told, client.conversations_replies, channel=channel, ts=ts):
            blocks = slack_blocks.said_by(click.by.name, click.verb.replace("_", " "), reply.sentence)
            post = partial(answer, client.chat_postMessage, channel=channel, thread_ts=ts, metadata=told)
            self._pacer.pace(_account(channel), _POSTS_PER_SECOND)
            laid_out(partial(post, text=slack_blocks.plain(reply.sentence)), blocks)

    def _parent(self, alert: Alert) -> Sequence[Block]:
        offers: Sequence[Offer] | None = None
        if self.clicks is not None:
            try:
                offers = self.clicks.offers(alert)
            except RotatorError as trouble:
                log.warning("a message goes without buttons", alert=alert.identity, trouble=str(trouble))
        return slack_blocks.parent(alert, self._docs_url, offers)

    def _opened(self, client: WebClient, alert: Alert, address: str, said: int) -> Receipt:
        """The first message of a thread: one that is there already and whose answer was lost, or a new one."""
        told = mark(alert, said)
        channel = self._channels.id_of(client, address)
        ts = found(told, client.conversations_history, channel=channel) if channel else None
        if not channel or not ts or not self._edited(client, alert, channel, ts):
            parent = self._parent(alert)
            # By its name: a name may have moved to another channel, where nobody reads the former one any more.
            channel, ts = self._posted(client, alert, address, address, parent, {"metadata": told})
            self._channels.learn(address, channel)
        return _receipt(alert, said, channel=channel, ts=ts)

    def _edited(self, client: WebClient, alert: Alert, channel: str, ts: str) -> bool:
        """Makes a thread's first message say how things are; False when it cannot be edited any more."""
        guard(_ANSWER_SECONDS)
        update = partial(answer, client.chat_update, channel=channel, ts=ts, text=slack_blocks.notice(alert))
        try:
            laid_out(update, self._parent(alert))
        except Rejected as rejected:
            if rejected.code in UNEDITABLE:
                return False
            raise
        return True

    def _posted(
        self,
        client: WebClient,
        alert: Alert,
        address: str,
        channel: str,
        blocks: Sequence[Block],
        more: dict[str, Any],
    ) -> tuple[str, str]:
        """Posts one message; Slack's id of the channel and the message's ts."""
        self._pacer.pace(_account(address), _POSTS_PER_SECOND)
        guard(_ANSWER_SECONDS)
        said = {"text": slack_blocks.notice(alert), "unfurl_links": False, "unfurl_media": False, **more}
        post = partial(answer, client.chat_postMessage, channel=channel, **said)
        there = laid_out(post, blocks)
        return str(there["channel"]), str(there["ts"])


class _Webhook:
    def __init__(self, webhook: Sealed, pacer: Pacer, docs_url: str | None) -> None:
        self._webhook, self._pacer, self._docs_url = webhook, pacer, docs_url

    def deliver(self, alert: Alert, address: str, earlier: Receipt | None) -> Receipt:
        said = _next(earlier)
        self._pacer.pace(_account(address), _POSTS_PER_SECOND)
        guard(_ANSWER_SECONDS)
        laid_out(partial(self._send, alert, said), slack_blocks.parent(alert, self._docs_url))
        return _receipt(alert, said)

    def edit(self, alert: Alert, address: str, earlier: Receipt) -> None:
        """What came through a webhook stays as it is."""

    def _send(self, alert: Alert, said: int, blocks: Sequence[Block]) -> None:
        url = self._webhook.reveal()
        client = WebhookClient(url, timeout=_ANSWER_SECONDS, retry_handlers=[], logger=_silent())
        text, told = slack_blocks.notice(alert), mark(alert, said)
        there = client.send(text=text, blocks=blocks, metadata=told, unfurl_links=False, unfurl_media=False)
        if there.status_code != http.client.OK or there.body.strip() != "ok":
            raise Rejected(there.body, there.status_code, there.headers.get("Retry-After"))


def _next(earlier: Receipt | None) -> int:
    """How many times it will have been told with this message."""
    return int(earlier.data["said"]) + 1 if earlier else 1


def _receipt(alert: Alert, said: int, **where: str) -> Receipt:
    return Receipt(data={**where, "told": level(alert), "said": str(said)})


def _account(address: str) -> str:
    return f"slack:{address}"


def _silent() -> logging.Logger:
    """The SDK logs addresses and bodies; a webhook's address is a secret."""
    logger = logging.getLogger("slack_sdk.silent")
    logger.setLevel(logging.CRITICAL + 1)
    return logger
