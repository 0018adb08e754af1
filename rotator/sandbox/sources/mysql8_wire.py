"""The client/server protocol of MySQL, as much of it as one login and plain queries take, on the server's side.

MySQL documentation, "MySQL Internals: Client/Server Protocol": handshake version 10, caching_sha2_password's fast way
in and mysql_native_password, COM_QUERY with text results. Left out: TLS, compression, prepared statements, the slow
way in of caching_sha2_password (the server's cache is taken to be warm), result sets of more than strings and whole
numbers.
"""

from __future__ import annotations

import secrets
import socket
import struct
from collections.abc import Callable, Sequence
from hashlib import sha1, sha256

#: A cell of a result.
Cell = str | int | None

_CAPABILITIES = 0x1 | 0x8 | 0x200 | 0x2000 | 0x8000 | 0x80000 | 0x100000 | 0x200000
_GREETING, _OK, _ERROR, _SWITCH, _MORE, _EOF = b"\x0a", b"\x00", b"\xff", b"\xfe", b"\x01", b"\xfe"
_QUIT, _QUERY, _PING = 0x01, 0x03, 0x0E
_UTF8MB4 = 45


class Gone(ConnectionError):
    """The client has hung up."""


class Said(Exception):
    """What the server says no with."""

    def __init__(self, number: int, state: str, text: str) -> None:
        super().__init__(text)
        self.number, self.state, self.text = number, state, text


class Wire:
    """One connection."""

    def __init__(self, connection: socket.socket, id_: int, version: str) -> None:
        self._connection, self.id, self._version = connection, id_, version
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sequence = 0
        self._nonce = bytes(secrets.choice(range(0x25, 0x7F)) for _ in range(20))

    def let_in(self, find: Callable[[str], tuple[str, Callable[[str, bytes, bytes], bool]]]) -> str:
        """The user that has proved a password. Raises Gone, or Said after telling the client.

        `find` gives a user's plugin, and whether an answer to the nonce is one of its passwords'.
        """
        plugin = "caching_sha2_password"
        self.send(
            _GREETING + self._version.encode() + b"\0" + struct.pack("<I", self.id) + self._nonce[:8] + b"\0"
            + struct.pack("<HBHH", _CAPABILITIES & 0xFFFF, _UTF8MB4, 2, _CAPABILITIES >> 16)
            + b"\x15" + bytes(10) + self._nonce[8:] + b"\0" + plugin.encode() + b"\0"
        )  # fmt: skip
        user, _, rest = self.receive()[32:].partition(b"\0")
        answer, name = rest[1 : 1 + rest[0]], user.decode()
        own_plugin, accepts = find(name)
        if own_plugin != plugin:
            self.send(_SWITCH + own_plugin.encode() + b"\0" + self._nonce + b"\0")
            answer = self.receive()
        if not accepts(own_plugin, answer, self._nonce):
            raise Said(1045, "28000", f"Access denied for user '{name}'@'127.0.0.1' (using password: YES)")
        if own_plugin == plugin:
            self.send(_MORE + b"\x03")
        self.ok()
        return name

    def query(self) -> str:
        """The next statement. Raises Gone when there will be none."""
        while True:
            self._sequence = 0
            command = self.receive()
            if command[0] == _QUERY:
                return command[1:].decode()
            if command[0] == _QUIT:
                raise Gone
            self.ok()

    def ok(self) -> None:
        """It is done."""
        self.send(_OK + b"\0\0" + struct.pack("<HH", 2, 0))

    def no(self, said: Said) -> None:
        """It is not."""
        self.send(_ERROR + struct.pack("<H", said.number) + b"#" + said.state.encode() + said.text.encode())

    def rows(self, rows: Sequence[Sequence[Cell]]) -> None:
        """A result set; whole numbers are those of the first row."""
        columns = rows[0] if rows else ("",)
        eof = _EOF + struct.pack("<HH", 0, 2)
        self.send(bytes([len(columns)]))
        for cell in columns:
            kind = 8 if isinstance(cell, int) else 253
            self.send(
                _text("def") + _text("") * 3 + _text("column") * 2
                + struct.pack("<BHIBHBH", 0x0C, _UTF8MB4, 65535, kind, 0, 0, 0)
            )  # fmt: skip
        self.send(eof)
        for row in rows:
            self.send(b"".join(b"\xfb" if cell is None else _text(str(cell)) for cell in row))
        self.send(eof)

    def send(self, payload: bytes) -> None:
        """One packet."""
        self._connection.sendall(
            struct.pack("<I", len(payload))[:3] + bytes([self._sequence % 256]) + payload
        )
        self._sequence += 1

    def receive(self) -> bytes:
        """One packet's payload. Raises Gone."""
        header = self._exactly(4)
        self._sequence = header[3] + 1
        return self._exactly(int.from_bytes(header[:3], "little"))

    def _exactly(self, count: int) -> bytes:
        got = b""
        while len(got) < count:
            piece = self._connection.recv(count - len(got))
            if not piece:
                raise Gone
            got += piece
        return got


def native_answer(password: str, nonce: bytes) -> bytes:
    """What a client with this password answers under mysql_native_password."""
    once = sha1(password.encode()).digest()  # noqa: S324 - MySQL's own choice
    mask = sha1(nonce + sha1(once).digest()).digest()  # noqa: S324 - MySQL's own choice
    return bytes(a ^ b for a, b in zip(once, mask, strict=True))


def sha2_answer(password: str, nonce: bytes) -> bytes:
    """What a client with this password answers under caching_sha2_password, on the fast way in."""
    once = sha256(password.encode()).digest()
    mask = sha256(sha256(once).digest() + nonce).digest()
    return bytes(a ^ b for a, b in zip(once, mask, strict=True))


def _text(text: str) -> bytes:
    encoded = text.encode()
    if len(encoded) < 251:
        return bytes([len(encoded)]) + encoded
    return b"\xfc" + struct.pack("<H", len(encoded)) + encoded
