"""Wires: TCP between a daemon and its far sides, which can be cut.

What is on its way when a wire is cut arrives when it is whole again, as TCP delivers it, also if whoever sent it has
given up meanwhile: so requests land late.
"""

from __future__ import annotations

import asyncio
import threading
from enum import StrEnum
from typing import Self

_CHUNK = 65536


class Cut(StrEnum):
    """How a wire is cut."""

    SILENT = "silent"  # nothing passes, and nobody is told
    DEAF = "deaf"  # requests arrive, answers do not come back
    BROKEN = "broken"  # connections are reset, new ones too


class Wire:
    """One listening port on loopback, and what it leads to."""

    def __init__(self, loop: asyncio.AbstractEventLoop, port_behind: int) -> None:
        self.port = 0
        self._loop, self._behind = loop, port_behind
        self._there, self._back = asyncio.Event(), asyncio.Event()
        self._broken = False
        self._open = set[asyncio.StreamWriter]()

    def cut(self, how: Cut) -> None:
        """From now on."""
        self._loop.call_soon_threadsafe(self._set, how)

    def mend(self) -> None:
        """Whole again."""
        self._loop.call_soon_threadsafe(self._set, None)

    async def listen(self) -> Self:
        """Takes connections from now on, on a port of the system's choice."""
        self._set(None)
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def _set(self, how: Cut | None) -> None:
        for passes, stopped_by in ((self._there, {Cut.SILENT}), (self._back, {Cut.SILENT, Cut.DEAF})):
            passes.clear() if how in stopped_by else passes.set()
        self._broken = how is Cut.BROKEN
        if self._broken:
            for connection in list(self._open):
                connection.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            await self._there.wait()
            if not self._broken:
                await self._join(reader, writer)
        except OSError:
            pass  # one of the two sides is gone: so is the other, below
        finally:
            self._open.discard(writer)
            writer.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._behind)
        self._open.add(far_writer)
        try:
            await asyncio.gather(
                _pump(reader, far_writer, self._there), _pump(far_reader, writer, self._back)
            )
        finally:
            self._open.discard(far_writer)
            far_writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, passes: asyncio.Event) -> None:
    """One direction, in order, held up while it does not pass."""
    while chunk := await reader.read(_CHUNK):
        await passes.wait()
        writer.write(chunk)
        await writer.drain()
    await passes.wait()
    if not writer.is_closing():
        writer.write_eof()


class Wires:
    """Makes wires and carries what goes over them, in one thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wires", daemon=True)
        self._thread.start()

    def to(self, port: int) -> Wire:
        """A wire to a loopback port."""
        wire = Wire(self._loop, port)
        return asyncio.run_coroutine_threadsafe(wire.listen(), self._loop).result(60)

    def close(self) -> None:
        """Every wire ends."""
        asyncio.run_coroutine_threadsafe(_end_all(), self._loop).result(60)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._loop.close()


async def _end_all() -> None:
    ourselves = asyncio.current_task()
    others = [task for task in asyncio.all_tasks() if task is not ourselves]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
