"""Socket Mode: the connection through which Slack tells who clicked on what. It is opened from here: nothing listens.

The SDK's client holds the WebSocket; when to connect, and how often to try, is decided here, in one thread: its own
way would ask for a new connection every five seconds for ever with a token that was revoked. An envelope is
acknowledged first, whatever it holds, and then acted upon, one after the other: Slack waits three seconds, and what a
click sets off may take longer.

Facts: Slack's pages "Using Socket Mode" (hello, disconnect, acknowledgements), "block_actions payload" and
usergroups.users.list; slack_sdk.socket_mode.builtin.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import queue
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError
from slack_sdk.errors import SlackClientError
from slack_sdk.socket_mode.builtin import SocketModeClient
from slack_sdk.web import WebClient

from rotator.channels.slack_answers import Rejected, answer, deafness
from rotator.channels.slack_buttons import told_of
from rotator.channels.slack_connection import Connection
from rotator.channels.wording import LONGEST_NAME, line
from rotator.contracts.clock import Clock
from rotator.model.clicks import Click, Clicker, Verb
from rotator.model.durations import parse_duration

log = structlog.get_logger()

#: Between two looks at whether the connection still stands, and whether nobody wants to listen any more.
_NAP = 0.5
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
#: One that was open for less does not count as success.
_STOOD_FOR = 30.0
#: So many of the latest clicks are known again.
_REMEMBERED = 1000
#: Membership of a group is asked again after so long.
_MEMBERS_KNOWN_FOR = 300.0

#: Does what a click asks, and says so where it was clicked: the channel's id, the message's ts, the click.
Act = Callable[[str, str, Click], None]


class _Envelope(BaseModel):
    """A part of what Slack sends. What is not named here is of no use."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class _Id(_Envelope):
    id: str


class _User(_Id):
    name: str = ""
    username: str = ""
    team_id: str = ""


class _Chosen(_Envelope):
    value: str


class _Action(_Envelope):
    action_id: str
    block_id: str
    action_ts: str
    value: str = ""
    selected_option: _Chosen | None = None


class _Container(_Envelope):
    message_ts: str
    channel_id: str


class BlockActions(_Envelope):
    """Who clicked on what, in which message."""

    type: str
    api_app_id: str
    team: _Id
    user: _User
    container: _Container
    actions: tuple[_Action, ...]


class SlackSocket:
    """One process's ear: `act` is called for each click that is meant for us, once, and raises nothing."""

    def __init__(
        self, *, web: WebClient, app_token: str, clock: Clock, act: Act, groups: Callable[[], Sequence[str]]
    ) -> None:
        self._web, self._app_token, self._clock, self._act = web, app_token, clock, act
        self._members = _Members(web, clock, groups)
        self._heard: queue.SimpleQueue[BlockActions] = queue.SimpleQueue()
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._app = self._team = ""

    def listen(self, stopped: threading.Event, say: Callable[[str], None]) -> None:
        """Until `stopped`. `say` gets a sentence when nothing can be heard, and an empty one when it can again."""
        there: Connection | None = None
        again, pause = self._clock.monotonic(), _FIRST_PAUSE
        while not stopped.is_set():
            now = self._clock.monotonic()
            if there is not None and there.over:
                there.let_go()
                there = None
            if now >= again and (there is None or there.leaving):
                # Where Slack says beforehand that it will disconnect, the next one stands before this one ends.
                following, sentence, wait = self._connected()
                again, pause = now + max(wait, pause), min(_LONGEST_PAUSE, pause * 2)
                if following is not None:
                    if there is not None:
                        there.let_go()
                    there = following
                if there is None or following is not None:
                    say(sentence)
            elif now - again >= _STOOD_FOR:
                pause = _FIRST_PAUSE
            self._attend()
        if there is not None:
            there.let_go()

    def _connected(self) -> tuple[Connection | None, str, float]:
        """A connection; or None, why there is none, and how many seconds Slack wants to be left alone."""
        client = Connection(self._app_token, self._web, self._told)
        try:
            if not self._team:
                self._team = str(answer(self._web.auth_test)["team_id"])
            client.open(str(answer(self._web.apps_connections_open, app_token=self._app_token)["url"]))
        except Rejected as rejected:
            client.let_go()
            return (
                None,
                deafness(rejected),
                rejected.retry_after.total_seconds() if rejected.retry_after else 0.0,
            )
        except (SlackClientError, OSError, http.client.HTTPException, ValueError) as lost:
            client.let_go()
            # Their texts may hold the address, which is a secret for one use: only their kind is told.
            return None, f"no answer from Slack ({type(getattr(lost, 'reason', lost)).__name__})", 0.0
        return client, "", 0.0

    def _attend(self) -> None:
        """Acts on the next click, if one comes soon."""
        with suppress(queue.Empty):
            self._take(self._heard.get(timeout=_NAP))

    def _told(self, client: SocketModeClient, message: dict[str, Any], _text: str | None = None) -> None:
        """One message of Slack's, as the SDK's thread hands it over. Quick: the next one waits."""
        if "envelope_id" in message:
            client.send_message(json.dumps({"envelope_id": message["envelope_id"]}))
        match message.get("type"):
            case "hello":
                self._app = str(message.get("connection_info", {}).get("app_id", ""))
            case "interactive":
                try:
                    self._heard.put(BlockActions.model_validate(message.get("payload")))
                except ValidationError:
                    return  # other kinds of interaction are not ours

    def _take(self, said: BlockActions) -> None:
        """Acts on a click that is meant for us, once."""
        if said.type != "block_actions":
            return
        if (said.team.id, said.api_app_id) != (self._team, self._app):
            log.warning("a click of another workspace or app", team=said.team.id, app=said.api_app_id)
            return
        for action in said.actions:
            click = click_of(said, action)
            if click is None or click.id in self._seen:
                continue
            self._seen[click.id] = None
            if len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)
            # Ids of members are unique in their own workspace only; a shared channel has people of others, too.
            outside = said.user.team_id not in ("", self._team)
            groups = () if outside else self._members.groups_of(click.by.id)
            by = click.by.model_copy(update={"outside": outside, "groups": groups})
            self._act(
                said.container.channel_id, said.container.message_ts, click.model_copy(update={"by": by})
            )


def click_of(said: BlockActions, action: Any) -> Click | None:
    """What an action asks; None for one that asks nothing of us, as a link does."""
    try:
        verb = Verb(action.action_id)
        chosen = parse_duration(action.selected_option.value) if action.selected_option else None
    except ValueError:
        return None
    if verb is Verb.RUNBOOK:
        return None
    where = f"{said.team.id}/{said.container.channel_id}/{said.container.message_ts}"
    once = f"{where}/{said.user.id}/{action.action_id}/{action.action_ts}"
    return Click(
        id=hashlib.sha256(once.encode()).hexdigest()[:20],
        verb=verb,
        alert=action.block_id,
        about=action.value or ",".join(told_of(action.block_id)),
        by=Clicker(
            id=said.user.id, name=line(said.user.name or said.user.username or said.user.id, LONGEST_NAME)
        ),
        snooze=chosen,
    )


class _Members:
    """Who is in which of the policy's groups. A group that cannot be asked for has no members."""

    def __init__(self, web: WebClient, clock: Clock, groups: Callable[[], Sequence[str]]) -> None:
        self._web, self._clock, self._groups = web, clock, groups
        self._known: dict[str, tuple[float, frozenset[str]]] = {}

    def groups_of(self, user: str) -> tuple[str, ...]:
        return tuple(group for group in self._groups() if user in self._members(group))

    def _members(self, group: str) -> frozenset[str]:
        now = self._clock.monotonic()
        asked, members = self._known.get(group, (0.0, frozenset[str]()))
        if group in self._known and now - asked < _MEMBERS_KNOWN_FOR:
            return members
        try:
            members = frozenset(answer(self._web.usergroups_users_list, usergroup=group)["users"])
        except (Rejected, SlackClientError, OSError, http.client.HTTPException, ValueError):
            return frozenset()
        self._known[group] = (now, members)
        return members
