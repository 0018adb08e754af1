"""What whoever connects can take: probes pass beside silent, slow and greedy ones, and each of these has its end."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from rotator.engine.heartbeat import Process
from rotator.web.bounds import AT_ONCE, CONNECTIONS, Turnstile
from rotator.web.looks import Looks
from rotator.web.pulse import Pulse
from rotator.web.server import Server, application
from tests.engine.world import World
from tests.web.asking import Answer, ask

pytestmark = pytest.mark.slow  # some wait for an end, or move tens of megabytes

#: Far more than anything here takes.
PATIENCE = 60.0
#: Longer than anybody here waits.
FOR_EVER = 10 * PATIENCE
#: More than what the system keeps for a reader that does not read.
LARGE = b"x" * (24 << 20)


@contextmanager
def served(app: Starlette, connections: int = CONNECTIONS, seconds: float = FOR_EVER) -> Iterator[int]:
    server = Server(app, "127.0.0.1", 0, connections, seconds)
    try:
        yield server.port
    finally:
        server.stop()


def pages(at_once: int = AT_ONCE) -> Starlette:
    """A probe, a small page and a large one."""

    def small(_request: Request) -> Response:
        return PlainTextResponse("ok\n")

    def large(_request: Request) -> Response:
        return Response(LARGE)

    return Starlette(
        routes=[Route("/healthz", small), Route("/small", small), Route("/large", large)],
        middleware=[Middleware(Turnstile, at_once, ("/healthz",))],
    )


@contextmanager
def connected(port: int, sent: bytes = b"") -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        connection.sendall(sent)
        yield connection


def asked(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode()


def until_its_end(connection: socket.socket) -> int:
    """Waits until it is closed; how many bytes still came."""
    came = 0
    with suppress(ConnectionError):
        while piece := connection.recv(1 << 16):
            came += len(piece)
    return came


def until_answered(port: int, path: str) -> Answer:
    """Asks again while it is told to, and if it was shown out itself, on a machine that stands still for a while."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with suppress(httpx.TransportError):
            if (answer := ask(port, path)).status != 503:
                return answer
    raise AssertionError(f"{path} is not answered")


def test_probes_pass_beside_many_who_say_nothing() -> None:
    with served(pages()) as port, ExitStack() as others:
        for _ in range(100):
            others.enter_context(connected(port))
        assert ask(port, "/healthz") == (200, "ok\n")
        assert ask(port, "/small").status == 200


def test_who_says_nothing_is_shown_out() -> None:
    with served(pages(), seconds=0.1) as port, connected(port) as silent:
        assert until_its_end(silent) == 0


def test_who_asks_byte_by_byte_is_shown_out() -> None:
    with served(pages(), seconds=0.3) as port, connected(port) as slow:
        slow.settimeout(0.01)
        deadline, said = time.monotonic() + PATIENCE, iter(asked("/small") * 1000)
        with suppress(ConnectionError):
            while time.monotonic() < deadline:
                slow.sendall(
                    b"x" if (byte := next(said)) == ord("\n") else bytes([byte])
                )  # no line ever ends
                with suppress(TimeoutError):
                    if not slow.recv(1):
                        break
        assert time.monotonic() < deadline


def test_beyond_the_most_connections_the_oldest_that_has_not_asked_makes_room() -> None:
    with served(pages(at_once=1), connections=4) as port, ExitStack() as others:
        reader = others.enter_context(connected(port, asked("/large")))
        assert reader.recv(9) == b"HTTP/1.1 "
        silent = [others.enter_context(connected(port)) for _ in range(3)]
        assert ask(port, "/healthz") == (200, "ok\n")
        assert until_its_end(silent[0]) == 0
        reader.setblocking(False)
        assert reader.recv(1) == b"2", "who asked before them is being answered still"


def test_beyond_the_most_connections_the_oldest_makes_room_if_each_has_asked() -> None:
    with served(pages(), connections=2) as port, ExitStack() as others:
        readers = [others.enter_context(connected(port, asked("/large"))) for _ in range(2)]
        assert [reader.recv(9) for reader in readers] == [b"HTTP/1.1 "] * 2
        assert ask(port, "/healthz") == (200, "ok\n")
        assert until_its_end(readers[0]) < len(LARGE)


def test_a_place_is_taken_until_the_answer_is_read() -> None:
    with served(pages(at_once=1)) as port, connected(port, asked("/large")) as reader:
        assert reader.recv(9) == b"HTTP/1.1 "
        full = httpx.get(f"http://127.0.0.1:{port}/small", timeout=PATIENCE)
        assert (full.status_code, full.headers["retry-after"]) == (503, "1")
        assert ask(port, "/healthz").status == 200
        read = bytearray()
        while piece := reader.recv(1 << 20):
            read += piece
        assert read.partition(b"\r\n\r\n")[2] == LARGE
        assert until_answered(port, "/small").status == 200


def test_who_does_not_read_is_shown_out_and_its_place_is_free() -> None:
    with served(pages(at_once=1), seconds=1) as port, connected(port, asked("/large")):
        assert until_answered(port, "/small").status == 200


def test_a_connection_is_there_for_one_answer() -> None:
    with served(pages()) as port, connected(port, asked("/small")) as reader:
        answer = bytearray()
        while piece := reader.recv(1 << 16):
            answer += piece
        assert b"\r\nconnection: close\r\n" in answer and answer.endswith(b"ok\n")


class Slow:
    """Figures that take until they may come."""

    def __init__(self) -> None:
        self.began, self.may_come = threading.Semaphore(0), threading.Event()

    def collect(self) -> Iterator[object]:
        self.began.release()
        assert self.may_come.wait(PATIENCE)
        yield from ()


def test_probes_pass_while_every_place_is_taken(world: World) -> None:
    slow, looks = Slow(), Looks(world.journal, world.policies, Process, world.clock)
    app = application(Pulse(world.clock), world.journal, slow, looks)  # type: ignore[arg-type]  # it only collects
    with served(app) as port, ExitStack() as others:
        try:
            scrapes = [others.enter_context(connected(port, asked("/metrics"))) for _ in range(AT_ONCE)]
            assert all(slow.began.acquire(timeout=PATIENCE) for _ in scrapes)
            for path in ("/metrics", "/", "/api/v1/status", "/page.css", "/nothing"):
                assert ask(port, path).status == 503
            assert ask(port, "/healthz") == (200, "ok\n")
            assert ask(port, "/readyz") == (200, "ok\n")
        finally:
            slow.may_come.set()
        assert all(scrape.recv(15) == b"HTTP/1.1 200 OK" for scrape in scrapes)


def test_however_many_ask_one_thread_waits_for_the_journal(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, may_come, now = threading.Semaphore(0), threading.Event(), world.clock.now()

    def patient() -> object:
        began.release()
        assert may_come.wait(PATIENCE)
        return now

    monkeypatch.setattr(world.journal, "now", patient)
    looks = Looks(world.journal, world.policies, Process, world.clock)
    app = application(Pulse(world.clock), world.journal, Slow(), looks)  # type: ignore[arg-type]  # never asked
    with served(app) as port, ExitStack() as others:
        try:
            probes = [others.enter_context(connected(port, asked("/readyz"))) for _ in range(60)]
            assert began.acquire(timeout=PATIENCE)
            assert ask(port, "/healthz") == (200, "ok\n")
            assert ask(port, "/page.css").status == 200, "threads are left"
        finally:
            may_come.set()
        assert all(probe.recv(15) == b"HTTP/1.1 200 OK" for probe in probes)
        assert not began.acquire(blocking=False)
