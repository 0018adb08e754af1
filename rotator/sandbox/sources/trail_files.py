"""S3 of the sandbox, as far as CloudTrail's log files: GetObject, and what a network does to it.

Simplified: one object for each path, no permissions, no encryption, no ranges.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from http import HTTPStatus
from urllib.parse import unquote, urlsplit

from rotator.sandbox.faults import Fault, Outage
from rotator.sandbox.sources.listening import Answers, Listener, listening
from rotator.sandbox.weather import Weather

_GONE = "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>"
_BUSY = "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
_AWAY = "<Error><Code>InternalError</Code><Message>We encountered an error.</Message></Error>"


class FilesSource:
    """Objects by `bucket/key`."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.weather = Weather()
        self.server = self

    def answer(self, path: str) -> tuple[int, bytes] | None:
        """Status and content; None where the connection closes without an answer."""
        self.weather.count("calls", "GetObject")
        if self.weather.outage("s3") is Outage.CLOSED:
            return None
        rule = self.weather.draw("GetObject")
        if rule is not None and rule.fault is Fault.LOST_ANSWER:
            return None
        if rule is not None:
            throttled = rule.fault is Fault.THROTTLED
            return HTTPStatus.SERVICE_UNAVAILABLE, (_BUSY if throttled else _AWAY).encode()
        content = self.objects.get(unquote(urlsplit(path).path).lstrip("/"))
        return (HTTPStatus.NOT_FOUND, _GONE.encode()) if content is None else (HTTPStatus.OK, content)

    def serving(self, port: int = 0) -> AbstractContextManager[str]:
        """Its address, while it serves in threads of this process."""
        return listening(self, _Answers, port)


class _Answers(Answers):
    server: Listener[FilesSource]

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        """One object."""
        answer = self.server.far.answer(self.path)
        if answer is None:
            self.close_connection = True
        else:
            self.send(answer[0], answer[1], {"Content-Type": "application/xml"})
