"""The server: probes that need no AWS, formats, methods, an address that is taken."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from starlette.applications import Starlette

from rotator.engine.heartbeat import Process
from rotator.model.errors import JournalAway
from rotator.web.looks import Looks
from rotator.web.metrics import Figures
from rotator.web.pulse import Pulse
from rotator.web.server import CannotListen, Server, application
from tests.engine.world import World
from tests.web.asking import ask


@contextmanager
def served(world: World) -> Iterator[tuple[int, Pulse]]:
    pulse = Pulse(world.clock)
    figures = Figures(world.journal, world.policies, lambda: "", world.clock)
    looks = Looks(world.journal, world.policies, Process, world.clock)
    server = Server(application(pulse, world.journal, figures, looks), "127.0.0.1", 0)
    try:
        yield server.port, pulse
    finally:
        server.stop()


def test_healthy_while_everybody_moves(world: World) -> None:
    with served(world) as (port, _):
        assert ask(port, "/healthz") == (200, "ok\n")
        world.clock.sleep(61)
        assert ask(port, "/healthz") == (503, "silent for too long: the scheduler\n")


def test_ready_while_the_journal_answers(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise JournalAway("postgresql://rotator:hunter2@db is gone")

    with served(world) as (port, _):
        assert ask(port, "/readyz") == (200, "ok\n")
        monkeypatch.setattr(world.journal, "now", away)
        assert ask(port, "/readyz") == (503, "the journal gives no answer\n")
        assert ask(port, "/healthz").status == 200
        assert "rotator_journal_reachable 0" in ask(port, "/metrics").text


@pytest.mark.parametrize(
    "accepted, packed",
    [
        ("identity", False),
        ("", False),
        ("gzip;q=0, br", False),
        ("gzip", True),
        ("br, GZIP;q=0.5", True),
        ("deflate, gzip; q=1.0", True),
    ],
)
def test_pages_are_packed_for_whoever_takes_them_so(world: World, accepted: str, packed: bool) -> None:
    with served(world) as (port, _), httpx.Client(base_url=f"http://localhost:{port}", timeout=60) as client:
        for path in ("/", "/api/v1/status", "/page.css"):
            answer = client.get(path, headers={"accept-encoding": accepted})
            assert ("content-encoding" in answer.headers) is packed
            assert answer.headers["vary"] == "accept-encoding"
            assert answer.text.rstrip().endswith(("</html>", "}"))


def test_metrics_in_the_format_that_is_asked_for(world: World) -> None:
    with served(world) as (port, _):
        plain = ask(port, "/metrics").text
        newer = ask(port, "/metrics", accept="application/openmetrics-text; version=1.0.0").text
        assert "# TYPE rotator_build_info gauge" in plain
        assert "process_resident_memory_bytes" in plain
        assert newer.endswith("# EOF\n")
        nonsense = ask(port, "/metrics", accept="text/plain; version=abc; version=1")
        assert nonsense.status == 200, "whoever may connect makes no bugs"
        assert "# TYPE rotator_build_info gauge" in nonsense.text


def test_nothing_else_is_there_and_nothing_can_be_written(world: World) -> None:
    with served(world) as (port, _):
        for path in ("/api", "/api/v1/secrets", "/page.html", "/content.html", "/..%2fpages.py", "/docs"):
            assert ask(port, path).status == 404
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as client:
            for path in ("/healthz", "/readyz", "/metrics", "/", "/api/v1/status", "/page.css"):
                assert client.head(path).status_code == 200
                for method in ("POST", "DELETE", "OPTIONS"):
                    assert client.request(method, path).status_code == 405


def test_who_asks_is_who_is_connected(world: World) -> None:
    with served(world) as (port, _):
        assert ask(port, "/", **{"x-forwarded-for": "10.2.3.4"}).status == 200, "no header changes it"
        assert ask(port, "/", host="rotator.taly.example").status == 403
        assert ask(port, "/metrics", host="rotator.taly.example").status == 200


def test_an_answer_leaves_at_once_whatever_came_before_it() -> None:
    """Else the second piece of an answer waits 40 ms for the word that the first is there (Nagle's algorithm)."""
    server = Server(Starlette(), "127.0.0.1", 0)
    try:
        assert server._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    finally:
        server.stop()


def test_a_bug_is_a_word_and_a_line_of_log(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def surprise() -> None:
        raise ValueError("hunter2")

    with served(world) as (port, _):
        monkeypatch.setattr(world.journal, "now", surprise)
        assert ask(port, "/readyz") == (500, "this is a bug of rotator; its log says more\n")


def test_an_address_that_is_taken(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotListen, match=f"cannot listen on 127.0.0.1:{port}: .*ROTATOR_LISTEN"):
            Server(application(Pulse(world.clock), world.journal, None, None), "127.0.0.1", port)  # type: ignore[arg-type]  # never asked
