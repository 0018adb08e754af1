"""Wires, with an echo behind them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from tests.chaos.wire import Cut, Wire, Wires


class Echo:
    """Answers every connection with what it says, and remembers it."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.news = threading.Condition()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def hears(self, said: bytes) -> bool:
        with self.news:
            return self.news.wait_for(lambda: said in self.heard, 60)

    def close(self) -> None:
        self._listening.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            while said := connection.recv(1024):
                with self.news:
                    self.heard.append(said)
                    self.news.notify_all()
                connection.sendall(said)


@pytest.fixture
def echo() -> Iterator[Echo]:
    echo = Echo()
    yield echo
    echo.close()


@pytest.fixture
def wire(echo: Echo) -> Iterator[Wire]:
    wires = Wires()
    yield wires.to(echo.port)
    wires.close()


def dial(wire: Wire) -> socket.socket:
    return socket.create_connection(("127.0.0.1", wire.port), timeout=60)


def says_nothing(line: socket.socket) -> bool:
    line.settimeout(0.1)
    try:
        return not line.recv(1024)
    except TimeoutError:
        return True
    finally:
        line.settimeout(60)


def ended(line: socket.socket) -> bool:
    try:
        return not line.recv(1024)
    except ConnectionError:
        return True


def test_a_whole_wire_carries_both_ways(wire: Wire) -> None:
    with dial(wire) as line:
        line.sendall(b"hello")
        assert line.recv(1024) == b"hello"


def test_a_silent_wire_delivers_when_it_is_mended(wire: Wire, echo: Echo) -> None:
    with dial(wire) as line:
        line.sendall(b"first")
        assert line.recv(1024) == b"first"
        wire.cut(Cut.SILENT)
        line.sendall(b"late")
        assert says_nothing(line)
        assert echo.heard == [b"first"]
        wire.mend()
        assert line.recv(1024) == b"late"


def test_what_was_said_arrives_although_nobody_waits_for_the_answer(wire: Wire, echo: Echo) -> None:
    with dial(wire) as line:
        line.sendall(b"first")
        assert line.recv(1024) == b"first"
        wire.cut(Cut.SILENT)
        line.sendall(b"testament")
    wire.mend()
    assert echo.hears(b"testament")


def test_a_deaf_wire_keeps_answers_back(wire: Wire, echo: Echo) -> None:
    with dial(wire) as line:
        line.sendall(b"first")
        assert line.recv(1024) == b"first"
        wire.cut(Cut.DEAF)
        line.sendall(b"deed")
        assert echo.hears(b"deed")
        assert says_nothing(line)
        wire.mend()
        assert line.recv(1024) == b"deed"


def test_a_broken_wire_resets_what_is_open_and_what_comes(wire: Wire) -> None:
    with dial(wire) as line:
        line.sendall(b"first")
        assert line.recv(1024) == b"first"
        wire.cut(Cut.BROKEN)
        assert ended(line)
    with dial(wire) as line:
        assert ended(line)
