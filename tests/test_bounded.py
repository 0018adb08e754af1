"""What a far side can do to whoever waits for it: drip, pack, flood; and what it gets for that."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import httpx
import pytest

from rotator import bounded
from rotator.bounded import Bounded, TooLong

Plays = Callable[[socket.socket], None]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


@contextmanager
def far_side(plays: Plays, *, hears: bool = True) -> Iterator[str]:
    """Answers whoever connects as `plays` does, once it `hears` something; its address."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)

        def serve() -> None:
            while not over.is_set():
                with suppress(TimeoutError):
                    connection, _ = listener.accept()
                    with connection, suppress(OSError):
                        if hears:
                            connection.recv(65536)
                        plays(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        finally:
            over.set()
            thread.join()


def drip(before: bytes, piece: bytes) -> Plays:
    """A piece every 50 ms for ten seconds, or until nobody listens."""

    def plays(connection: socket.socket) -> None:
        connection.sendall(before)
        for _ in range(200):
            connection.sendall(piece)
            time.sleep(0.05)

    return plays


@pytest.mark.parametrize(
    "plays",
    [
        pytest.param(drip(HEAD + b"Content-Length: 100000\r\n\r\n", b"x"), id="its body"),
        pytest.param(drip(HEAD, b"X-Wait: yes\r\n"), id="its headers"),
        pytest.param(drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), id="promises of an answer"),
    ],
)
def test_who_drips_is_given_up_at_one_moment(plays: Plays) -> None:
    with far_side(plays) as url, Bounded("127.0.0.1", 0.2) as client:
        began = time.monotonic()
        with pytest.raises(
            httpx.TimeoutException
        ):  # on a busy machine the moment may come before the first read
            client.get(url)
        assert time.monotonic() - began < 9.0, "it dripped to its end"


def test_an_answer_is_read_so_far_and_no_further() -> None:
    def floods(connection: socket.socket) -> None:
        connection.sendall(HEAD + b"\r\n" + b"x" * 5000)

    with far_side(floods) as url, Bounded("127.0.0.1", 30.0, largest=1000) as client:
        with pytest.raises(TooLong, match="more than 1000 bytes"):
            client.get(url)
        with client.stream("GET", url) as answer, pytest.raises(TooLong):
            answer.read()
        assert Bounded("127.0.0.1", 30.0, largest=5000).get(url).content == b"x" * 5000


def test_nothing_packed_is_asked_for_or_unpacked() -> None:
    heard = list[bytes]()

    def bomb(connection: socket.socket) -> None:
        packed = gzip.compress(bytes(1 << 22))
        connection.sendall(
            HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed
        )

    with far_side(bomb) as url, Bounded("127.0.0.1", 30.0) as client, pytest.raises(TooLong, match="packed"):
        client.get(url, headers={"Accept-Encoding": "gzip"})

    def asked(connection: socket.socket) -> None:
        connection.sendall(HEAD + b"Content-Length: 0\r\n\r\n")

    with far_side(asked) as url, Bounded("127.0.0.1", 30.0) as client:
        request = client.get(url, headers={"Accept-Encoding": "gzip"}).request
        heard.append(request.headers["Accept-Encoding"].encode())
    assert heard == [b"identity"]


def test_each_exchange_of_a_connection_has_a_time_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(bounded, "_now", lambda: now[0])

    def answers(connection: socket.socket) -> None:
        for _ in range(3):
            connection.sendall(HEAD + b"Content-Length: 2\r\n\r\nok")
            connection.recv(65536)

    with far_side(answers) as url, Bounded("127.0.0.1", 30.0) as client:
        for _ in range(3):
            assert client.get(url).text == "ok"
            now[0] += 20.0


def test_redirects_are_not_followed() -> None:
    def elsewhere(connection: socket.socket) -> None:
        connection.sendall(
            b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"
        )

    with far_side(elsewhere) as url, Bounded("127.0.0.1", 30.0) as client:
        assert client.get(url).status_code == 302


def test_a_proxy_of_the_environment_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with far_side(drip(HEAD, b"X-Wait: yes\r\n")) as proxy:
        monkeypatch.setenv("http_proxy", proxy)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        with Bounded("far.example", 0.2) as client, pytest.raises(httpx.TimeoutException):
            client.get("http://far.example/")
