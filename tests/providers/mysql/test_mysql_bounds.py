"""What a MySQL server can do to rotator instead of answering: drip its greeting, drip a row, send rows without end."""

from __future__ import annotations

import socket
import time
from itertools import count

import pytest

from rotator.clock import SystemClock
from rotator.model.errors import Transient
from rotator.model.hosts import on_this_machine
from rotator.providers import mysql_session
from rotator.providers.mysql_consumers import parsed
from rotator.testing.values import fresh_value, raises_silently
from tests.test_bounded import Plays, drip, far_side

#: MySQL's documentation of its protocol: a greeting (Protocol::HandshakeV10) that asks for mysql_native_password.
GREETING = (
    b"\x0a8.0.30\0\x07\0\0\0abcdefgh\0\xff\xf7\xff\x02\0\xff\x81\x15" + b"\0" * 10
    + b"ijklmnopqrst\0mysql_native_password\0"
)  # fmt: skip
OK, END = b"\0\0\0\x02\0\0\0", b"\xfe\0\0\x02\0"
COLUMN = b"\x03def\0\0\0\x01a\0\x0c\x2d\0\xff\0\0\0\xfd\0\0\0\0\0"


def packet(number: int, content: bytes) -> bytes:
    return len(content).to_bytes(3, "little") + bytes([number % 256]) + content


def lets_in(connection: socket.socket) -> None:
    """As far as the first statement of whoever logged in."""
    connection.sendall(packet(0, GREETING))
    connection.recv(65536)
    connection.sendall(packet(2, OK))
    while b"select" not in connection.recv(65536):
        connection.sendall(packet(1, OK))


def drips_its_rows(connection: socket.socket) -> None:
    lets_in(connection)
    drip(packet(1, b"\1") + b"\x80\0\0\2", b"x")(connection)


def never_ends(connection: socket.socket) -> None:
    lets_in(connection)
    connection.sendall(packet(1, b"\1") + packet(2, COLUMN) + packet(3, END))
    for number in count(4):
        connection.sendall(packet(number, b"\xfd\0\0\1" + b"x" * 65536))


@pytest.mark.parametrize(
    "plays",
    [
        pytest.param(drip(b"", packet(0, GREETING)[:1]), id="its greeting"),
        pytest.param(drips_its_rows, id="its rows"),
        pytest.param(never_ends, id="no end"),
    ],
)
def test_no_server_keeps_a_worker_or_fills_the_memory(plays: Plays, monkeypatch: pytest.MonkeyPatch) -> None:
    if plays is not never_ends:
        monkeypatch.setattr(mysql_session, "TALK_SECONDS", 0.1)
    if plays not in {never_ends, drips_its_rows}:
        monkeypatch.setattr(mysql_session, "CONNECT_SECONDS", 0.1)
    password, began = fresh_value(), time.monotonic()
    with far_side(plays, hears=False) as url, raises_silently(Transient, password) as caught:
        there = url.removeprefix("http://")
        login = parsed(f"mysql://app:{password.reveal()}@{there}crm?ssl-mode=DISABLED")
        with mysql_session.session(login, SystemClock(), "app", "rotator", allows=on_this_machine) as asked:
            asked.ask("select 1")
    assert time.monotonic() - began < 9.0, "it went on to its end"
    assert "the connection was lost, or it did not answer in time" in str(caught.value)
