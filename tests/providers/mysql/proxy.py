"""A MySQL server's bad network: a proxy on loopback that loses answers, turns away, or is gone."""

from __future__ import annotations

import selectors
import socket
import struct
from contextlib import suppress

from tests.providers.postgres_proxy import PostgresProxy

_TOO_MANY = b"\xff" + struct.pack("<H", 1040) + b"Too many connections"


class MysqlProxy(PostgresProxy):
    """As PostgreSQL's, with what MySQL's protocol says: the server speaks first, and nothing waits for a commit."""

    def _serve(self, client: socket.socket) -> None:
        if not self.throttle_next or self.away:
            super()._serve(client)
            return
        self.throttle_next = False
        with client, suppress(OSError):
            client.sendall(
                struct.pack("<I", len(_TOO_MANY)) + _TOO_MANY
            )  # the fourth byte is packet number 0

    def _pump(self, client: socket.socket, server: socket.socket) -> None:
        for side in (client, server):
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # many small packets make one answer
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
                    if self.lose_next_commit and end is client and b"alter user" in said:
                        self.lose_next_commit = False
                        server.recv(65536)  # it is done; nobody hears of it
                        return
