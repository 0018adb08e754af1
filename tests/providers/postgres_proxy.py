"""A PostgreSQL server's bad network: a proxy on loopback that loses answers, turns away, or is gone."""

from __future__ import annotations

import selectors
import socket
import struct
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

_TOO_MANY = b"SFATAL\0C53300\0Msorry, too many clients already\0\0"


class PostgresProxy:
    """Passes connections on to `upstream`, until it is told otherwise. Its switches may be set at any time."""

    def __init__(self, upstream: tuple[str, int]) -> None:
        self.away = False
        self.silent = False  # takes what is said, and answers nothing any more
        self.throttle_next = False
        self.lose_next_commit = False
        self._upstream = upstream
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(target=self._accept, daemon=True)

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in list(self._open):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                client, _address = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            if self.away:
                return
            if self.throttle_next:
                self.throttle_next = False
                client.recv(4096)
                client.sendall(b"E" + struct.pack("!i", len(_TOO_MANY) + 4) + _TOO_MANY)
                return
            with socket.create_connection(self._upstream) as server:
                self._open |= {client, server}
                self._pump(client, server)
            self._open -= {client, server}

    def _pump(self, client: socket.socket, server: socket.socket) -> None:
        with selectors.DefaultSelector() as ready:
            ready.register(client, selectors.EVENT_READ, server)
            ready.register(server, selectors.EVENT_READ, client)
            while True:
                for key, _events in ready.select():
                    end: socket.socket = key.fileobj  # type: ignore[assignment]  # only sockets are registered
                    said = end.recv(65536)
                    if not said or self.away:
                        return
                    if self.silent and end is server:
                        continue
                    key.data.sendall(said)
                    if self.lose_next_commit and end is client and b"COMMIT" in said:
                        self.lose_next_commit = False
                        server.recv(65536)  # it is done; nobody hears of it
                        return
