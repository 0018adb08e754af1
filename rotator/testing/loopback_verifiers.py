"""Verifiers on loopback: an HTTP server that accepts what members of an accepted set make."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

from rotator.model.secrets import Sealed
from rotator.testing.loopback_server import LoopbackServer

#: Whether something that was presented as `Authorization: Bearer …` was made by one of these values.
Verifies = Callable[[str, Iterable[str]], bool]


class LoopbackVerifiers(LoopbackServer):
    """Serves while it is entered."""

    def __init__(self, verifies: Verifies) -> None:
        self._verifies = verifies
        self._members: tuple[Sealed, ...] = ()
        self._fixed: tuple[int, dict[str, str]] | None = None
        self._away = False
        self._arrived: list[str] = []
        super().__init__(self._answering())
        self.url = f"{self.address}/accepts-token"

    def accept(self, *members: Sealed) -> None:
        """From now on exactly these."""
        self._members = members

    def answer(self, status: int, **headers: str) -> None:
        """From now on always this."""
        self._fixed = status, {name.replace("_", "-"): value for name, value in headers.items()}

    @contextmanager
    def away(self) -> Iterator[None]:
        """Closes every connection without an answer, inside."""
        self._away = True
        yield
        self._away = False

    def arrived(self) -> list[str]:
        """The paths that were asked for."""
        return list(self._arrived)

    def _decide(self, authorization: str) -> tuple[int, dict[str, str]]:
        if self._fixed:
            return self._fixed
        scheme, _, presented = authorization.partition(" ")
        accepted = scheme == "Bearer" and self._verifies(
            presented, [member.reveal() for member in self._members]
        )
        return (204 if accepted else 401), {}

    def _answering(self) -> type[BaseHTTPRequestHandler]:
        verifiers = self

        class Answering(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                verifiers._arrived.append(self.path)
                if verifiers._away:
                    self.close_connection = True
                    return
                status, headers = verifiers._decide(self.headers.get("Authorization", ""))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *_said: object) -> None:
                """Says nothing."""

        return Answering
