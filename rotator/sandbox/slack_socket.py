"""Slack's side of Socket Mode: a real WebSocket on loopback, through which a stand-in tells what people clicked.

An app asks for an address with its app-level token, connects to it once, is told `hello`, and from then on gets
envelopes, each of which it has to acknowledge by its id. An app may hold several connections; an envelope goes to one
of them. Before Slack closes a connection it says `disconnect`, with a reason. Source: Slack's pages "Using Socket
Mode" and apps.connections.open.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
import struct
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from aiohttp import WSCloseCode, WSMsgType, web

T = TypeVar("T")
#: So long an app has to acknowledge an envelope before the person who clicked sees that something went wrong.
ACKNOWLEDGED_WITHIN = 3.0
#: Slack lets so many connections of one app be open at once.
MOST_CONNECTIONS = 10
#: Longer than anything here takes, also on a machine that others use.
_PATIENCE = 60.0


@dataclass
class SocketDoor:
    """Where connections of one app come in. `acknowledged`: envelope id -> seconds until it was."""

    app_id: str
    acknowledged: dict[str, float] = field(default_factory=dict)
    greeted: int = 0  # how many connections were ever told hello
    closed: bool = False  # turns everybody away
    _tickets: set[str] = field(default_factory=set)
    _there: list[web.WebSocketResponse] = field(default_factory=list)
    _sent: dict[str, float] = field(default_factory=dict)
    _turn: int = 0
    _change: threading.Condition = field(default_factory=threading.Condition)

    def start(self) -> None:
        """Returns when connections are taken."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="Slack's sockets", daemon=True)
        self._thread.start()
        self.port = self._done(self._open())

    def stop(self) -> None:
        """Closes every connection."""
        self._done(self._runner.cleanup())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def address(self) -> str:
        """A new one, good for one connection."""
        ticket = secrets.token_urlsafe(16)
        self._tickets.add(ticket)
        return f"ws://127.0.0.1:{self.port}/link/?ticket={ticket}&app_id={self.app_id}"

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._there)

    def wait_for_connections(self, count: int, within: float = _PATIENCE) -> None:
        """Returns when exactly so many are open. Raises TimeoutError."""
        self._wait(lambda: len(self._there) == count, f"{count} connections", within)

    def wait_for(self, so: Callable[[], bool], within: float = _PATIENCE) -> None:
        """Returns when it is so. Raises TimeoutError."""
        self._wait(so, "it", within)

    def wait_for_acknowledgement(self, envelope: str, within: float = _PATIENCE) -> float:
        """The seconds until it was acknowledged. Raises TimeoutError."""
        self._wait(lambda: envelope in self.acknowledged, "an acknowledgement", within)
        return self.acknowledged[envelope]

    def send(self, kind: str, payload: dict[str, Any], *, copies: int = 1, envelope: str = "") -> str:
        """Sends an envelope to one connection, each next one to the next; `copies` are told in turn, as Slack may.

        Its id. Raises TimeoutError where nobody is connected.
        """
        envelope = envelope or secrets.token_hex(16)
        text = json.dumps(
            {"envelope_id": envelope, "type": kind, "accepts_response_payload": False, "payload": payload}
        )
        for _ in range(copies):
            self._sent[envelope] = time.monotonic()
            self._tell_one(text)
        return envelope

    def _tell_one(self, text: str) -> None:
        """One of the connections, the next each time; one that is just ending hears nothing, and another is taken."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            self._wait(lambda: bool(self._there), "somebody to be connected", _PATIENCE)
            self._turn += 1
            there = tuple(self._there)
            try:
                self._done(there[self._turn % len(there)].send_str(text))
            except (ConnectionResetError, ZeroDivisionError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return

    def say(self, text: str) -> None:
        """Sends anything, also what is no envelope, to every connection."""
        for one in tuple(self._there):
            self._done(one.send_str(text))

    def disconnect(self, reason: str, *, and_close: bool) -> None:
        """Says `disconnect` on every connection: "warning" is said seconds before, "refresh_requested" at the end."""
        leaving = tuple(self._there)
        for one in leaving:
            self._done(one.send_str(json.dumps({"type": "disconnect", "reason": reason, "debug_info": {}})))
        if and_close:
            for one in leaving:
                self._done(one.close(code=WSCloseCode.GOING_AWAY))

    def drop(self, *, aloud: bool) -> None:
        """Every connection ends without a word of the WebSocket's: reset where `aloud`, else it just says no more."""
        for one in tuple(self._there):
            transport = one._req.transport if one._req else None
            if transport:
                if aloud:
                    linger = struct.pack("ii", 1, 0)
                    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self._loop.call_soon_threadsafe(transport.abort)

    async def _open(self) -> int:
        app = web.Application()
        app.router.add_get("/link/", self._connected)
        self._runner = web.AppRunner(app, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        return int(self._runner.addresses[0][1])

    async def _connected(self, request: web.Request) -> web.StreamResponse:
        ticket = request.query.get("ticket", "")
        if self.closed or ticket not in self._tickets:
            return web.Response(status=403, text="this ticket is not good any more")
        self._tickets.discard(ticket)
        connection = web.WebSocketResponse(heartbeat=5.0)
        await connection.prepare(request)
        if len(self._there) >= MOST_CONNECTIONS:
            await connection.send_str(json.dumps({"type": "disconnect", "reason": "too_many_websockets"}))
            await connection.close()
            return connection
        with self._change:
            self._there.append(connection)
            self.greeted += 1
        await connection.send_str(json.dumps(self._hello()))
        with self._change:
            self._change.notify_all()
        async for message in connection:
            if message.type is WSMsgType.TEXT:
                self._heard(message.data)
        with self._change:
            self._there.remove(connection)
            self._change.notify_all()
        return connection

    def _hello(self) -> dict[str, Any]:
        return {
            "type": "hello",
            "num_connections": len(self._there),
            "debug_info": {"host": "applink-1", "approximate_connection_time": 18060},
            "connection_info": {"app_id": self.app_id},
        }

    def _heard(self, text: str) -> None:
        envelope = str(json.loads(text).get("envelope_id"))
        with self._change:
            if envelope in self._sent:
                self.acknowledged.setdefault(envelope, time.monotonic() - self._sent[envelope])
            self._change.notify_all()

    def _wait(self, so: Callable[[], bool], what: str, within: float) -> None:
        with self._change:
            if not self._change.wait_for(so, within):
                raise TimeoutError(f"{what}: not within {within:g} s")

    def _done(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE)


def click(
    message: dict[str, Any], action_id: str, *, user: str, name: str, of: dict[str, str], choice: str = ""
) -> dict[str, Any]:
    """The payload for a click of `user` on a message's button, or on `choice` of its menu.

    `of`: the ids that the payload names, `team`, `app`, `channel`, `home` (the clicker's own workspace), and a moment,
    `at`. Raises LookupError where the message has no such button.
    """
    element, block_id = _element(message["blocks"], action_id)
    action = {
        "type": element["type"],
        "action_id": action_id,
        "block_id": block_id,
        "action_ts": of["at"],
    }
    if element["type"] == "static_select":
        action["selected_option"] = next(one for one in element["options"] if one["value"] == choice)
    else:
        action |= {"text": element["text"], **({"value": element["value"]} if "value" in element else {})}
    return {
        "type": "block_actions",
        "user": {"id": user, "username": name, "name": name, "team_id": of["home"]},
        "api_app_id": of["app"],
        "container": {"type": "message", "message_ts": message["ts"], "channel_id": of["channel"]},
        "trigger_id": secrets.token_hex(8),
        "team": {"id": of["team"], "domain": "taly"},
        "enterprise": None,
        "is_enterprise_install": False,
        "channel": {"id": of["channel"], "name": "ops-secrets"},
        "message": {"type": "message", "ts": message["ts"], "blocks": message["blocks"]},
        "state": {"values": {}},
        "actions": [action],
    }


def _element(blocks: list[dict[str, Any]], action_id: str) -> tuple[dict[str, Any], str]:
    for block in blocks:
        for element in block.get("elements", []) if block["type"] == "actions" else []:
            if element.get("action_id") == action_id:
                return element, block.get("block_id", "")
    raise LookupError(f"there is no button {action_id} in this message")
