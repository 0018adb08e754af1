"""How much of the daemon whoever connects may take: places, sockets, time. Probes find room whatever else is there.

Anybody whom the network lets in can connect and say nothing, or ask and not read. uvicorn's own limit counts such
connections, refuses probes along with everybody else, and has no time for a first request to come.
"""

from __future__ import annotations

import asyncio
from collections.abc import Container
from typing import Final

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

#: Requests that may cost something. Starlette has 40 threads for them: the others are the probes'.
AT_ONCE: Final = 32
#: A connection's whole life. kubelet waits 5 s and Prometheus 10 s; the largest page takes a slow line about as long.
SECONDS: Final = 30.0
#: As many more may wait to be let in. 2,000 that came and said nothing, or half of something, took 5 MiB.
CONNECTIONS: Final = 128

_PIECE: Final = 1 << 16
_FULL: Final = PlainTextResponse(
    "too many ask at once; ask again in a moment\n", 503, headers={"retry-after": "1"}
)


class Turnstile:
    """An application that answers so many at once; who comes beyond that is told to come again.

    `always` are the paths that are answered whoever else asks: they cost next to nothing.
    """

    def __init__(self, app: ASGIApp, at_once: int, always: Container[str]) -> None:
        self._app, self._free, self._always = app, at_once, always

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Keeps the place until the answer is read: a large one goes out in pieces, each waits for the one before."""

        async def in_pieces(message: Message) -> None:
            body = memoryview(message.get("body", b""))
            while len(body) > _PIECE:
                await send({**message, "body": bytes(body[:_PIECE]), "more_body": True})
                body = body[_PIECE:]
            await send({**message, "body": bytes(body)} if "body" in message else message)

        if scope["path"] in self._always:
            await self._app(scope, receive, send)
            return
        if not self._free:
            await _FULL(scope, receive, send)
            return
        self._free -= 1
        try:
            await self._app(scope, receive, in_pieces)
        finally:
            self._free += 1


def connection(at_most: int = CONNECTIONS, seconds: float = SECONDS) -> type[H11Protocol]:
    """A connection of uvicorn's with an end: `seconds` after it came, asked or not, read or not.

    Beyond `at_most` of them the oldest that has not asked makes room, or the oldest of all if each has.
    """
    held: dict[H11Protocol, None] = {}  # the oldest first

    class Connection(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
            if len(held) >= at_most:
                silent = (one for one in held if one.scope is None)  # type: ignore[redundant-expr]  # None until it asks
                drop(next(silent, next(iter(held))))
            super().connection_made(transport)
            held[self] = None
            self._end = self.loop.call_later(seconds, drop, self)

        def connection_lost(self, exc: Exception | None) -> None:
            self._end.cancel()
            held.pop(self, None)
            super().connection_lost(exc)

    def drop(one: H11Protocol) -> None:
        held.pop(one, None)
        one.transport.abort()

    return Connection
