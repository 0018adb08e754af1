"""What is heard through Socket Mode, and that it is heard again after every kind of end."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from slack_sdk.socket_mode.builtin.connection import Connection as SdkConnection
from slack_sdk.socket_mode.builtin.connection import ConnectionState
from slack_sdk.web import WebClient

from rotator.channels import slack_socket
from rotator.channels.slack_socket import SlackSocket
from rotator.clock import SystemClock
from rotator.model.clicks import Click, Verb
from rotator.sandbox.people import Logins
from rotator.sandbox.people_server import serving
from rotator.sandbox.processes import listening_socket
from rotator.sandbox.slack_server import SlackApp
from rotator.sandbox.slack_socket import ACKNOWLEDGED_WITHIN, SocketDoor
from rotator.testing.virtual_clock import VirtualClock

#: Each waits for a connection: `make test` runs them.
pytestmark = pytest.mark.slow

BLOCKS = [
    {"type": "section", "text": {"type": "mrkdwn", "text": "an alert"}},
    {
        "type": "actions",
        "block_id": "al_1",
        "elements": [
            {
                "type": "button",
                "action_id": "retry",
                "value": "ro_1",
                "text": {"type": "plain_text", "text": "Retry now"},
            },
            {
                "type": "static_select",
                "action_id": "snooze",
                "placeholder": {"type": "plain_text", "text": "Snooze"},
                "options": [{"text": {"type": "plain_text", "text": "4 hours"}, "value": "4h"}],
            },
            {
                "type": "button",
                "action_id": "runbook",
                "url": "https://runbooks.example/x",
                "text": {"type": "plain_text", "text": "Runbook"},
            },
        ],
    },
]


@dataclass
class Ear:
    """One process that listens."""

    app: SlackApp
    socket: SlackSocket = field(init=False)
    heard: list[tuple[str, str, Click]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)
    change: threading.Condition = field(default_factory=threading.Condition)

    def start(self) -> None:
        self.thread = threading.Thread(target=self.socket.listen, args=(self.stopped, self._say), daemon=True)
        self.thread.start()

    def stop(self) -> float:
        began = time.monotonic()
        self.stopped.set()
        self.thread.join(60)
        assert not self.thread.is_alive()
        return time.monotonic() - began

    def act(self, channel: str, ts: str, click: Click) -> None:
        with self.change:
            self.heard.append((channel, ts, click))
            self.change.notify_all()

    def _say(self, sentence: str) -> None:
        with self.change:
            self.said.append(sentence)
            self.change.notify_all()

    def wait_for(self, so: Any, within: float = 60.0) -> None:
        with self.change:
            assert self.change.wait_for(so, within), (self.heard, self.said)


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[SlackApp, str]]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    logins, door = Logins(), SocketDoor("A0ROTATOR")
    app = SlackApp(logins.slack_token, logins.webhook_path, posts_per_second=None)
    app.app_token, app.door = Logins().slack_token, door
    door.start()
    with listening_socket() as listener, serving(app, listener) as url:
        yield app, url
    door.stop()


def an_ear(app: SlackApp, url: str, groups: list[str] | None = None) -> Ear:
    ear = Ear(app)
    ear.socket = SlackSocket(
        web=WebClient(app.token, f"{url}/api/", timeout=30, retry_handlers=[]),
        app_token=app.app_token,
        clock=SystemClock(),
        act=ear.act,
        groups=lambda: groups or [],
    )
    return ear


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks oftener, and tries again earlier, than it is shipped."""
    monkeypatch.setattr(slack_socket, "_NAP", 0.02)
    monkeypatch.setattr(slack_socket, "_FIRST_PAUSE", 0.25)


@pytest.fixture
def ear(app: tuple[SlackApp, str], quick: None) -> Iterator[Ear]:
    ear = an_ear(*app, groups=["S0ONCALL"])
    ear.start()
    assert ear.app.door
    ear.app.door.wait_for_connections(1)
    yield ear
    ear.stop()


def door_of(ear: Ear) -> SocketDoor:
    assert ear.app.door is not None
    return ear.app.door


def posted(app: SlackApp) -> str:
    web = app._post({"channel": "#ops-secrets", "text": "an alert", "blocks": BLOCKS})
    return str(web["ts"])


def test_a_click_is_acknowledged_at_once_and_heard(ear: Ear) -> None:
    ts = posted(ear.app)
    envelope = ear.app.click(ts, "retry", user="U0ANA", name="ana")
    assert door_of(ear).wait_for_acknowledgement(envelope) < ACKNOWLEDGED_WITHIN
    ear.wait_for(lambda: ear.heard)
    [(channel, message, click)] = ear.heard
    assert (channel, message) == (ear.app.messages[0].channel, ts)
    assert (click.verb, click.alert, click.about) == (Verb.RETRY, "al_1", "ro_1")
    assert (click.by.id, click.by.name, click.by.groups) == ("U0ANA", "ana", ())
    assert ear.said == [""]


def test_a_choice_of_the_menu_is_heard_with_its_duration(ear: Ear) -> None:
    ear.app.click(posted(ear.app), "snooze", user="U0ANA", name="ana", choice="4h")
    ear.wait_for(lambda: ear.heard)
    assert ear.heard[0][2].snooze == timedelta(hours=4)


def test_what_is_told_twice_is_heard_once(ear: Ear) -> None:
    ts = posted(ear.app)
    ear.app.click(ts, "retry", user="U0ANA", name="ana", copies=3)
    ear.app.click(ts, "retry", user="U0BEA", name="bea")
    ear.wait_for(lambda: len(ear.heard) >= 2)
    assert [click.by.name for _, _, click in ear.heard] == ["ana", "bea"]


def test_both_of_two_replicas_give_a_click_the_same_id(ear: Ear, app: tuple[SlackApp, str]) -> None:
    other = an_ear(*app)
    other.start()
    door_of(ear).wait_for_connections(2)
    ear.app.click(posted(ear.app), "retry", user="U0ANA", name="ana", copies=2)
    ear.wait_for(lambda: ear.heard)
    other.wait_for(lambda: other.heard)
    assert ear.heard[0][2].id == other.heard[0][2].id
    other.stop()


def test_clicks_of_another_workspace_or_app_are_not_ours(ear: Ear) -> None:
    ts = posted(ear.app)
    for team, app_id in (("T0OTHER", "A0ROTATOR"), (ear.app.team, "A0OTHER")):
        envelope = ear.app.click(ts, "retry", user="U0ANA", name="ana", team=team, app=app_id)
        door_of(ear).wait_for_acknowledgement(envelope)
    ear.app.click(ts, "retry", user="U0BEA", name="bea")
    ear.wait_for(lambda: ear.heard)
    assert [click.by.name for _, _, click in ear.heard] == ["bea"]


def test_people_of_other_workspaces_are_told_apart_and_are_in_no_group(ear: Ear) -> None:
    ear.app.groups["S0ONCALL"] = ["U0ANA"]
    ear.app.click(posted(ear.app), "retry", user="U0ANA", name="ana\r\n\u202e", home="T0OTHER")
    ear.wait_for(lambda: ear.heard)
    by = ear.heard[0][2].by
    assert (by.outside, by.groups, by.name) == (True, (), "ana")


def test_a_link_and_what_is_no_click_are_acknowledged_and_ask_nothing(ear: Ear) -> None:
    ts, door = posted(ear.app), door_of(ear)
    door.wait_for_acknowledgement(ear.app.click(ts, "runbook", user="U0ANA", name="ana"))
    door.wait_for_acknowledgement(door.send("interactive", {"type": "view_submission", "view": {}}))
    door.wait_for_acknowledgement(door.send("events_api", {"event": {"type": "message"}}))
    door.say("no JSON")
    door.say('{"type": "surprise"}')
    ear.app.click(ts, "retry", user="U0BEA", name="bea")
    ear.wait_for(lambda: ear.heard)
    assert [click.verb for _, _, click in ear.heard] == [Verb.RETRY]


def test_members_of_the_policys_groups_are_known(ear: Ear) -> None:
    ear.app.groups["S0ONCALL"] = ["U0ANA"]
    ts = posted(ear.app)
    ear.app.click(ts, "retry", user="U0ANA", name="ana")
    ear.app.click(ts, "retry", user="U0BEA", name="bea")
    ear.wait_for(lambda: len(ear.heard) == 2)
    assert [click.by.groups for _, _, click in ear.heard] == [("S0ONCALL",), ()]
    assert ear.app.weather.counts["calls"]["usergroups.users.list"] == 1


@pytest.mark.parametrize("reason", ["warning", "refresh_requested", "link_disabled"])
def test_before_slack_disconnects_another_connection_stands(ear: Ear, reason: str) -> None:
    door, greeted = door_of(ear), door_of(ear).greeted
    door.disconnect(reason, and_close=False)
    door.wait_for(lambda: door.greeted > greeted)
    door.wait_for_connections(1)
    ear.app.click(posted(ear.app), "retry", user="U0ANA", name="ana")
    ear.wait_for(lambda: ear.heard)


@pytest.mark.parametrize("how", ["closed", "cut", "reset"])
def test_a_connection_that_ends_is_followed_by_another(ear: Ear, how: str) -> None:
    door, greeted = door_of(ear), door_of(ear).greeted
    if how == "closed":
        door.disconnect("refresh_requested", and_close=True)
    else:
        door.drop(aloud=how == "reset")
    door.wait_for(lambda: door.greeted > greeted)
    door.wait_for_connections(1)
    ear.app.click(posted(ear.app), "retry", user="U0ANA", name="ana")
    ear.wait_for(lambda: ear.heard)


@pytest.mark.parametrize(
    "errors, sentence",
    [
        ({"apps.connections.open": "invalid_auth"}, "ROTATOR_SLACK_APP_TOKEN"),
        ({"apps.connections.open": "not_allowed_token_type"}, "begins with xapp-"),
        ({"apps.connections.open": "missing_scope"}, "connections:write"),
        ({"apps.connections.open": "forbidden_team"}, "Socket Mode is off"),
        ({"auth.test": "token_revoked"}, "ROTATOR_SLACK_TOKEN"),
        ({"apps.connections.open": "surprise"}, "it says surprise"),
    ],
)
def test_why_nobody_is_heard_is_said_without_a_login(
    app: tuple[SlackApp, str], quick: None, errors: dict[str, str], sentence: str
) -> None:
    app[0].weather.set_errors(errors)
    ear = an_ear(*app)
    ear.start()
    ear.wait_for(lambda: ear.said)
    ear.stop()
    assert sentence in ear.said[0]
    assert not any(login in ear.said[0] for login in (app[0].token, app[0].app_token))


def test_it_tries_more_and_more_slowly_and_says_when_it_hears_again(
    app: tuple[SlackApp, str], quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    app[0].weather.set_errors({"apps.connections.open": "invalid_auth"})
    ear, say = an_ear(*app), Ear._say

    def forgiven(this: Ear, sentence: str) -> None:
        """In the thread that listens: the next try is made after it."""
        if len(this.said) == 1:
            app[0].weather.set_errors({})
        say(this, sentence)

    monkeypatch.setattr(Ear, "_say", forgiven)
    ear.start()
    ear.wait_for(lambda: "" in ear.said)
    ear.stop()
    assert [bool(sentence) for sentence in ear.said] == [True, True, False]
    assert app[0].weather.counts["calls"]["apps.connections.open"] == 3
    assert app[0].weather.counts["calls"]["auth.test"] == 1


def test_from_one_try_to_the_next_it_waits_longer_up_to_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, stopped, tried = VirtualClock(), threading.Event(), list[float]()
    ear = SlackSocket(web=WebClient(), app_token="", clock=clock, act=lambda *_click: None, groups=lambda: ())

    def refused() -> tuple[None, str, float]:
        tried.append(clock.monotonic())
        if len(tried) == 9:
            stopped.set()
        return None, "it refuses the app-level token", 0.0

    monkeypatch.setattr(ear, "_connected", refused)
    monkeypatch.setattr(ear, "_attend", lambda: clock.sleep(0.5))
    ear.listen(stopped, lambda _sentence: None)
    assert [later - sooner for sooner, later in itertools.pairwise(tried)] == [1, 2, 4, 8, 16, 32, 60, 60]


def test_it_stops_at_once(app: tuple[SlackApp, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits for none of the SDK's threads: they read for seconds, and the one for messages here until it may end."""
    may_end, reads = threading.Event(), SdkConnection.run_until_completion

    def reads_on(this: SdkConnection, state: ConnectionState) -> None:
        reads(this, state)
        may_end.wait(120)

    monkeypatch.setattr(SdkConnection, "run_until_completion", reads_on)
    ear = an_ear(*app)
    ear.start()
    assert app[0].door
    app[0].door.wait_for_connections(1)
    try:
        assert ear.stop() < 30
        app[0].door.wait_for_connections(0)
    finally:
        may_end.set()
