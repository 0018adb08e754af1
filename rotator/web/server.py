"""/healthz, /readyz, /metrics and the status page, served by a thread of the daemon.

Neither probe asks anything of AWS: a cluster that restarts every rotator because SSM is away helps nobody.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial

import structlog
import uvicorn
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from rotator.contracts.journal import Journal
from rotator.model.errors import JournalAway, RotatorError
from rotator.web.bounds import AT_ONCE, CONNECTIONS, SECONDS, Turnstile, connection
from rotator.web.looks import Looks
from rotator.web.metrics import Figures
from rotator.web.pages import status_pages
from rotator.web.pulse import Pulse

log = structlog.get_logger()

_STOP_SECONDS = 2


class CannotListen(RotatorError):
    """The address cannot be listened on; `str()` says which and why."""

    exit_code = 2


def application(
    pulse: Pulse, journal: Journal, figures: Figures, looks: Looks, at_once: int = AT_ONCE
) -> Starlette:
    """What is served: probes always, everything else `at_once` at most, in threads: the journal may take its time."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(figures)
    ProcessCollector(registry=registry)

    async def healthz(_request: Request) -> Response:
        """The process turns its scheduler and its workers. It waits for no thread and no lock."""
        silent = pulse.silent()
        if silent:
            return PlainTextResponse(f"silent for too long: {', '.join(silent)}\n", 503)
        return PlainTextResponse("ok\n")

    present = _Present(journal)

    async def readyz(_request: Request) -> Response:
        """The journal answers. A policy is in force, or there would be no daemon."""
        try:
            await present()
        except JournalAway:
            return PlainTextResponse("the journal gives no answer\n", 503)
        return PlainTextResponse("ok\n")

    def metrics(request: Request) -> Response:
        """In the format that the scraper asks for."""
        try:
            encode, content_type = choose_encoder(request.headers.get("accept", ""))
        except (
            TypeError,
            ValueError,
        ):  # it stumbles over a version that is none, and whoever connects may say one
            encode, content_type = choose_encoder("")
        return Response(encode(registry), headers={"content-type": content_type})

    pages: dict[str, Callable[[Request], object]] = {
        **(probes := {"/healthz": healthz, "/readyz": readyz}),
        "/metrics": metrics,
        **status_pages(looks),
    }
    return Starlette(
        routes=[Route(path, page) for path, page in pages.items()],
        middleware=[Middleware(Turnstile, at_once, probes)],
        exception_handlers={Exception: _explain},
    )


class _Present:
    """The journal's clock, asked once for all who want to know meanwhile: however many ask, one thread waits."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._asked: asyncio.Task[datetime] | None = None

    async def __call__(self) -> None:
        """Returns once the journal has answered. Raises JournalAway."""
        if self._asked is None or self._asked.done():
            self._asked = asyncio.create_task(run_in_threadpool(self._journal.now))
        await asyncio.shield(self._asked)


class _Calm(uvicorn.Server):
    """Wakes once a second, for the Date header, and when it is to stop. uvicorn's own loop does ten times as often.

    That would be half of what a daemon costs that has nothing to do.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._stop: Callable[[], object] = lambda: None

    async def main_loop(self) -> None:
        """Until stop()."""
        stopped, loop = asyncio.Event(), asyncio.get_running_loop()
        self._stop = partial(loop.call_soon_threadsafe, stopped.set)
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(stopped.wait(), 1)

    def stop(self) -> None:
        """From another thread."""
        self.should_exit = True
        self._stop()


class Server:
    """The application at an address, until stop(). Raises CannotListen.

    A connection is there for one request and its answer, `seconds` long, and one of `connections` at most.
    """

    def __init__(
        self,
        app: Starlette,
        host: str,
        port: int,
        connections: int = CONNECTIONS,
        seconds: float = SECONDS,
    ) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._socket = socket.create_server((host, port), family=family)
        except OSError as why:
            raise CannotListen(
                f"cannot listen on {host}:{port}: {why.strerror}; see ROTATOR_LISTEN"
            ) from None
        # An answer is written in two pieces, and the second would wait 40 ms for the word that the first is there.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        config = uvicorn.Config(
            app,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # who asks is who is connected, whatever a header says
            http=connection(connections, seconds),
            ws="none",  # it would take a connection out of the count
            headers=[("connection", "close")],
            backlog=connections,
            timeout_graceful_shutdown=_STOP_SECONDS,
        )
        self._server = _Calm(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="web", daemon=True
        )
        self._thread.start()
        self.port: int = self._socket.getsockname()[1]
        log.info("listening", host=host, port=self.port)

    def stop(self) -> None:
        """Answers who is being answered, and ends."""
        self._server.stop()
        self._thread.join(_STOP_SECONDS + 1)
        self._socket.close()


def _explain(request: Request, bug: Exception) -> Response:
    """What nobody expected, without what it quotes."""
    log.error("bug", kind=type(bug).__name__, at=request.url.path)
    return PlainTextResponse("this is a bug of rotator; its log says more\n", 500)
