"""A stand-in for Slack: the Web API's methods that rotator calls, and an incoming webhook, as a WSGI application.

What people click comes through slack_socket.py, where an app has an app-level token.

It is as strict as Slack is known to be: who calls, which channel, at most about one message a second into a channel,
the limits of blocks and texts. It keeps every message as readers would see it, and every body as it came, so that a
scan for leaks sees what people saw. Sources: Slack's reference of chat.postMessage, chat.update,
conversations.history, conversations.replies, users.conversations, incoming webhooks and blocks;
slack_sdk.models.blocks for lengths.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from threading import RLock
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl

from rotator.sandbox.faults import Fault, Outage, Rule
from rotator.sandbox.slack_limits import fault_in, strange_markup
from rotator.sandbox.slack_socket import SocketDoor, click
from rotator.sandbox.weather import Weather

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

API = "/api/"
#: Channels of this workspace that are not as one would wish; every other name exists.
UNKNOWN_CHANNEL, UNINVITED_CHANNEL = "#nowhere", "#uninvited"
WEBHOOK_CHANNEL = "#webhook"
#: A pause lets so many messages through at once.
BURST = 3


@dataclass
class Message:
    """One message as readers see it now."""

    channel: str
    ts: str
    thread_ts: str
    text: str
    blocks: list[dict[str, Any]]
    metadata: dict[str, Any] | None
    aloud: bool  # shown in the channel: everything but a reply that was not broadcast
    edits: int = 0

    @property
    def about(self) -> str:
        """The identity of the alert that it is about, empty if it names none."""
        return str(((self.metadata or {}).get("event_payload") or {}).get("alert", ""))

    @property
    def shown(self) -> str:
        """Everything that is to be read in it."""
        return "\n".join(_texts(self.blocks)) if self.blocks else self.text


class Whisper(NamedTuple):
    """What one person alone was told, in a thread if it says so."""

    channel: str
    user: str
    text: str
    thread_ts: str


class Reject(Exception):
    """Slack's word for why it does not do it."""

    def __init__(self, code: str, status: int = 200, retry_after: int | None = None) -> None:
        super().__init__(code)
        self.code, self.status, self.retry_after = code, status, retry_after


@dataclass
class SlackApp:
    """`token` is what the bot must show, `webhook` the path that is as secret. `posts_per_second` None: no limit.

    With `app_token` and `door` the app has Socket Mode. `groups`: members by the id of a user group.
    """

    token: str = field(repr=False)
    webhook: str = field(repr=False)
    weather: Weather = field(default_factory=Weather)
    posts_per_second: float | None = 1.0
    app_token: str = field(default="", repr=False)
    door: SocketDoor | None = None
    team: str = "T0TALY"
    groups: dict[str, list[str]] = field(default_factory=dict)
    invited: tuple[str, ...] = ("#general", "#ops-secrets")
    whispers: list[Whisper] = field(default_factory=list, repr=False)
    messages: list[Message] = field(default_factory=list, repr=False)
    bodies: list[str] = field(default_factory=list, repr=False)
    findings: list[str] = field(default_factory=list)
    _levels: dict[str, tuple[float, float]] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)
    _count: int = 0
    _lock: RLock = field(default_factory=RLock)

    def __call__(self, request: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = request["PATH_INFO"]
        body = request["wsgi.input"].read(int(request.get("CONTENT_LENGTH") or 0)).decode()
        operation = path.removeprefix(API) if path.startswith(API) else "webhook"
        status, answer, headers = self._answered(operation, path, body, request)
        start_response(
            f"{status} {HTTPStatus(status).phrase}", [*headers, ("Content-Length", str(len(answer)))]
        )
        return [answer]

    def click(
        self, ts: str, action_id: str, *, user: str, name: str, choice: str = "", copies: int = 1, **of: str
    ) -> str:
        """Somebody clicks on a button of a message, or on a choice of its menu: the id of the envelope.

        `of`: other ids than ours, `team`, `app` or `home`, the clicker's own workspace. Raises LookupError where there
        is no such message or button.
        """
        assert self.door is not None, "without Socket Mode nobody hears of clicks"
        message = next(m for m in self.messages if m.ts == ts)
        ids = {
            "team": self.team,
            "home": self.team,
            "app": self.door.app_id,
            "channel": message.channel,
            "at": self._stamp(),
        }
        payload = click(asdict(message), action_id, user=user, name=name, of=ids | of, choice=choice)
        return self.door.send("interactive", payload, copies=copies)

    def _stamp(self) -> str:
        self._count += 1
        return f"{int(time.time())}.{self._count:06d}"

    def _answered(
        self, operation: str, path: str, body: str, request: WSGIEnvironment
    ) -> tuple[int, bytes, list[tuple[str, str]]]:
        self.weather.count("calls", operation)
        by_webhook = operation == "webhook"
        kind = [("Content-Type", "text/plain" if by_webhook else "application/json; charset=utf-8")]
        try:
            with self._lock:
                self.bodies.append(body)
                rule = self._weathered(operation)
                arguments = _arguments(request, body)
                done = (
                    self._hooked(path, arguments) if by_webhook else self._done(operation, arguments, request)
                )
        except Reject as reject:
            self.weather.count("refusals", reject.code)
            if reject.retry_after:
                kind.append(("Retry-After", str(reject.retry_after)))
            status = 400 if by_webhook and reject.status == 200 else reject.status
            said = reject.code if by_webhook else json.dumps({"ok": False, "error": reject.code})
            return status, said.encode(), kind
        if rule and rule.fault is Fault.SLOW:
            time.sleep(rule.seconds)
        if rule and rule.fault is Fault.LOST_ANSWER:
            raise ConnectionResetError  # the server closes the connection without an answer
        return 200, b"ok" if by_webhook else json.dumps({"ok": True, **done}).encode(), kind

    def _weathered(self, operation: str) -> Rule | None:
        outage = self.weather.outage("slack")
        if outage is Outage.CLOSED:
            raise ConnectionResetError
        if outage is Outage.UNAVAILABLE:
            raise Reject("service_unavailable", 503)
        rule = self.weather.draw(operation)
        if rule and rule.fault is Fault.INTERNAL_ERROR:
            raise Reject("internal_error", 500)
        if rule and rule.fault is Fault.THROTTLED:
            raise Reject("ratelimited", 429, math.ceil(rule.seconds))
        return rule

    def _done(self, method: str, arguments: dict[str, Any], request: WSGIEnvironment) -> dict[str, Any]:
        shown = request.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer ")
        wanted, other = self.token, self.app_token
        if method == "apps.connections.open":
            wanted, other = other, wanted
        if not wanted or not hmac.compare_digest(shown.encode(), wanted.encode()):
            raise Reject("not_allowed_token_type" if other and shown == other else "invalid_auth")
        methods: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "apps.connections.open": self._connect,
            "auth.test": self._whoami,
            "chat.postEphemeral": self._whisper,
            "usergroups.users.list": self._members,
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "conversations.history": self._history,
            "conversations.replies": self._replies,
            "users.conversations": self._conversations,
        }
        if method not in methods:
            raise Reject("unknown_method")
        error = self.weather.error(method)
        if error and not (error in LAYOUT_ERRORS and not arguments.get("blocks")):
            raise Reject(error)
        return methods[method](arguments)

    def _hooked(self, path: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if not hmac.compare_digest(path.encode(), self.webhook.encode()):
            raise Reject("no_service", 404)
        error = self.weather.error("webhook")
        if error and not (error in LAYOUT_ERRORS and not arguments.get("blocks")):
            raise Reject(error)
        return self._post({**arguments, "channel": WEBHOOK_CHANNEL})

    def _post(self, arguments: dict[str, Any]) -> dict[str, Any]:
        channel = self._channel(arguments)
        self._paced(channel)
        text, blocks = self._content(arguments)
        thread = str(arguments.get("thread_ts") or "")
        if thread and not self._find(channel, thread):
            raise Reject("thread_not_found")
        ts = self._stamp()
        aloud = not thread or bool(arguments.get("reply_broadcast"))
        self.messages.append(Message(channel, ts, thread, text, blocks, arguments.get("metadata"), aloud))
        return {"channel": channel, "ts": ts}

    def _update(self, arguments: dict[str, Any]) -> dict[str, Any]:
        message = self._find(self._channel(arguments), str(arguments.get("ts")))
        if message is None:
            raise Reject("message_not_found")
        # Blocks that are not mentioned stay; an empty list takes them away.
        message.text, message.blocks = self._content({"blocks": message.blocks, **arguments})
        message.metadata = arguments.get("metadata", message.metadata)
        message.edits += 1
        return {"channel": message.channel, "ts": message.ts}

    def _connect(self, _arguments: dict[str, Any]) -> dict[str, Any]:
        if self.door is None:
            raise Reject("forbidden_team")
        return {"url": self.door.address()}

    def _whoami(self, _arguments: dict[str, Any]) -> dict[str, Any]:
        return {
            "team": "Taly",
            "team_id": self.team,
            "user": "rotator",
            "user_id": "U0ROTATOR",
            "bot_id": "B0ROTATOR",
        }

    def _whisper(self, arguments: dict[str, Any]) -> dict[str, Any]:
        channel, text = self._channel(arguments), self._content(arguments)[0]
        user, thread = str(arguments.get("user") or ""), str(arguments.get("thread_ts") or "")
        if not user:
            raise Reject("user_not_in_channel")
        self.whispers.append(Whisper(channel, user, text, thread))
        return {"message_ts": self._stamp()}

    def _members(self, arguments: dict[str, Any]) -> dict[str, Any]:
        group = str(arguments.get("usergroup") or "")
        if group not in self.groups:
            raise Reject("no_such_subteam")
        return {"users": self.groups[group]}

    def _conversations(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """The channels that the app is in, in pages of one, for Slack may give fewer than it was asked for."""
        if not 1 <= int(arguments.get("limit") or 100) <= 999:
            raise Reject("invalid_limit")
        names = sorted({*self.invited, *self._names})
        place = int(arguments.get("cursor") or 0)
        name = names[place]
        more = str(place + 1) if place + 1 < len(names) else ""
        channel = {"id": self._channel({"channel": name}), "name": name.removeprefix("#")}
        return {"channels": [channel], "response_metadata": {"next_cursor": more}}

    def _history(self, arguments: dict[str, Any]) -> dict[str, Any]:
        if str(arguments.get("channel")).startswith("#"):
            raise Reject("channel_not_found")  # a name will do for posting only
        channel = self._channel(arguments)
        latest = [
            message for message in reversed(self.messages) if message.channel == channel and message.aloud
        ]
        return {"messages": _listed(latest[: int(arguments.get("limit") or 100)], arguments)}

    def _replies(self, arguments: dict[str, Any]) -> dict[str, Any]:
        channel, ts = self._channel(arguments), str(arguments.get("ts"))
        if not self._find(channel, ts):
            raise Reject("thread_not_found")
        thread = [m for m in self.messages if m.channel == channel and ts in (m.ts, m.thread_ts)]
        return {"messages": _listed(thread[: int(arguments.get("limit") or 1000)], arguments)}

    def _channel(self, arguments: dict[str, Any]) -> str:
        name = str(arguments.get("channel") or "")
        if name in ("", UNKNOWN_CHANNEL):
            raise Reject("channel_not_found")
        if name == UNINVITED_CHANNEL:
            raise Reject("not_in_channel")
        if not name.startswith("#"):
            return name
        return self._names.setdefault(name, f"C{hashlib.sha256(name.encode()).hexdigest()[:10].upper()}")

    def _content(self, arguments: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
        text, blocks = str(arguments.get("text") or ""), arguments.get("blocks") or []
        code = fault_in(text, blocks)
        if code:
            raise Reject(code)
        self.findings += strange_markup(text, blocks)
        return text, blocks

    def _paced(self, channel: str) -> None:
        if self.posts_per_second is None:
            return
        level, then = self._levels.get(channel, (float(BURST), 0.0))
        now = time.monotonic()
        level = min(BURST, level + (now - then) * self.posts_per_second)
        self._levels[channel] = (level - 1 if level >= 1 else level, now)
        if level < 1:
            raise Reject("ratelimited", 429, math.ceil((1 - level) / self.posts_per_second))

    def _find(self, channel: str, ts: str) -> Message | None:
        return next((m for m in self.messages if m.channel == channel and m.ts == ts), None)


#: Errors about blocks; a message without blocks does not meet them.
LAYOUT_ERRORS = {"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long"}


def _arguments(request: WSGIEnvironment, body: str) -> dict[str, Any]:
    if request.get("CONTENT_TYPE", "").startswith("application/json"):
        try:
            arguments = json.loads(body or "{}")
        except ValueError:
            raise Reject("invalid_json") from None
        return arguments if isinstance(arguments, dict) else {}
    return dict(parse_qsl(body))


def _listed(messages: Iterable[Message], arguments: dict[str, Any]) -> list[dict[str, Any]]:
    with_metadata = str(arguments.get("include_all_metadata", "0")) in ("1", "true")
    return [
        {"type": "message", "ts": message.ts, "text": message.text}
        | ({"metadata": message.metadata} if with_metadata and message.metadata else {})
        for message in messages
    ]


def _texts(part: Any) -> Iterable[str]:
    if isinstance(part, dict):
        for name, value in part.items():
            if name == "text" and isinstance(value, str):
                yield value
            else:
                yield from _texts(value)
    elif isinstance(part, list):
        for value in part:
            yield from _texts(value)
