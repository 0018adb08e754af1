"""One connection of Socket Mode: the SDK's client, which never connects by itself, behind a socket that ends aloud.

Facts: slack_sdk.socket_mode.builtin, whose client reconnects every five seconds for ever, waits for its threads when it
is closed (they read for three seconds), and takes a connection that has ended for one on which nothing comes.
"""

from __future__ import annotations

import errno
import logging
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

from slack_sdk.socket_mode.builtin import SocketModeClient
from slack_sdk.web import WebClient

_MESSAGE = 16384  # bytes that one read takes


class Connection(SocketModeClient):
    """One connection; `told` gets each message of Slack's, in order, in a thread of the SDK's."""

    def __init__(self, app_token: str, web: WebClient, told: Callable[..., None]) -> None:
        self._lost = threading.Event()
        self.leaving = False
        super().__init__(
            app_token,
            logger=_silent(),
            web_client=web,
            auto_reconnect_enabled=False,
            receive_buffer_size=_MESSAGE,
            concurrency=1,  # what is told first is taken first
            on_error_listeners=[lambda _error: self._lost.set()],
            on_close_listeners=[lambda _code, _reason: self._lost.set()],
        )
        self.message_listeners.append(told)

    def open(self, url: str) -> None:
        """Connects to an address. Raises ConnectionError where that does not become a connection."""
        self.wss_uri = url
        self.connect()
        session = self.current_session
        if session is None or session.sock is None:
            raise ConnectionError("no connection")
        session.sock = cast(Any, _EndsAloud(session.sock))

    def connect_to_new_endpoint(self, force: bool = False) -> None:  # noqa: FBT001, FBT002, ARG002  # the SDK's signature
        """Slack has said that it will disconnect: whoever listens opens another."""
        self.leaving = True

    @property
    def over(self) -> bool:
        """Whether nothing will be heard any more."""
        return self._lost.is_set() or not self.is_connected()

    def let_go(self) -> None:
        """Ends the connection and the SDK's threads, and waits for none of them: they may read for seconds."""
        self.closed = True
        self.current_session_state.terminated = True
        for runner in (self.current_session_runner, self.current_app_monitor, self.message_processor):
            runner.event.set()
        self.message_workers.shutdown(wait=False)
        sock = self.current_session.sock if self.current_session else None
        if sock is not None:
            sock.close()


class _EndsAloud:
    """A socket whose end is an error: the SDK takes "nothing was read" for "nothing yet", and would ask for ever."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock

    def recv(self, size: int) -> bytes:
        """What has come. Raises ConnectionResetError when nothing more will."""
        read: bytes = self._sock.recv(size)
        if not read:
            raise ConnectionResetError(errno.ECONNRESET, "the far side has ended the connection")
        return read

    def send(self, frame: bytes) -> int:
        """Sends all of it."""
        self._sock.sendall(frame)
        return len(frame)

    def close(self) -> None:
        """Ends it; whoever is reading notices at once."""
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()


def _silent() -> logging.Logger:
    """The SDK logs addresses and messages."""
    logger = logging.getLogger("slack_sdk.silent")
    logger.setLevel(logging.CRITICAL + 1)
    return logger
