"""HTTP that ends: one deadline for a whole exchange, and a bound on what an answer may hold.

httpx bounds each wait, so a far side that sends a byte now and then, in its headers too, keeps a caller for as long as
it likes; and it unpacks what comes packed, so a few kilobytes may become gigabytes. Here whatever is read or written
ends at one moment, nothing packed is taken, and an answer that grows beyond its bound is given up.

What goes wrong is an exception of httpx, so whoever knows what to say about an answer that did not come says it about
one that never ends, too. Only looking up a name is out of reach: the system's resolver has bounds of its own.
"""

from __future__ import annotations

import logging
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import httpcore
import httpx

from rotator.model.hosts import on_this_machine

#: Of an answer, unless who asks expects less.
LARGEST_BYTES = 1024 * 1024
#: Statuses that say "not now" and nothing about what was asked for: time was up, somebody else is at it, a proxy or a
#: server that was not meant answered. Besides them 429 and 5xx, of which there is more to say.
LATER = frozenset({408, 409, 412, 421, 423, 425, 499})
_CONNECT_SECONDS = 2.0

# At INFO it logs a line for each request, with its address.
logging.getLogger("httpx").setLevel(logging.WARNING)


class TooLong(httpx.RemoteProtocolError):
    """The answer is longer than it may be, or comes packed, which nobody asked for."""


class Bounded(httpx.Client):
    """A client for `host` whose exchanges take at most `seconds` each, with answers of at most `largest` bytes.

    Redirects are not followed: what is sent would go elsewhere. Proxies of the environment are for the outside: what
    goes to this machine stays on it. `authorities` are whose certificates are good, by default the system's; `more` is
    httpx's own.
    """

    def __init__(
        self,
        host: str,
        seconds: float,
        *,
        largest: int = LARGEST_BYTES,
        proxies: bool = True,
        authorities: ssl.SSLContext | None = None,
        **more: Any,
    ) -> None:
        super().__init__(
            timeout=httpx.Timeout(seconds, connect=min(seconds, _CONNECT_SECONDS)),
            follow_redirects=False,
            trust_env=proxies and not on_this_machine(host),
            verify=authorities or _trusted(),
            **more,
        )
        self._seconds, self._largest, self._deadline = seconds, largest, _Deadline()
        for transport in (self._transport, *self._mounts.values()):
            if isinstance(transport, httpx.HTTPTransport):
                pool = transport._pool  # noqa: SLF001 - httpx has no other way to what it reads from
                pool._network_backend = _Network(pool._network_backend, self._deadline)  # noqa: SLF001 - as above

    def send(self, request: httpx.Request, *, stream: bool = False, **more: Any) -> httpx.Response:
        """As httpx does; every other way to ask ends here. Raises TooLong and what httpx raises."""
        self._deadline.begin(self._seconds)
        request.headers["Accept-Encoding"] = "identity"
        answer = super().send(request, stream=True, **more)
        try:
            _must_be_plain(answer)
            answer.stream = _Counted(answer.stream, self._largest)
            if not stream:
                answer.read()
        except BaseException:
            answer.close()
            raise
        return answer


def _must_be_plain(answer: httpx.Response) -> None:
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise TooLong("the answer is packed")


@cache
def _trusted() -> ssl.SSLContext:
    """Reading all authorities takes longer than most calls."""
    return httpx.create_ssl_context()


class _Deadline(threading.local):
    """When the exchange of this thread ends: real time, which is what a socket waits in, whatever clock is held."""

    ends = float("inf")

    def begin(self, seconds: float) -> None:
        self.ends = _now() + seconds

    def within(self, timeout: float | None, late: type[httpcore.TimeoutException]) -> float:
        """How long to wait at most."""
        left = self.ends - _now()
        if left <= 0:
            raise late
        return left if timeout is None else min(left, timeout)


def _now() -> float:
    return time.monotonic()  # noqa: TID251 - no Clock can hold what the other side does meanwhile


class _Network(httpcore.NetworkBackend):
    """Makes connections whose every wait ends at the deadline."""

    def __init__(self, network: httpcore.NetworkBackend, deadline: _Deadline) -> None:
        self._network, self._deadline = network, deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        within = self._deadline.within(timeout, httpcore.ConnectTimeout)
        made = self._network.connect_tcp(host, port, within, local_address, socket_options)
        return _Stream(made, self._deadline)


class _Stream(httpcore.NetworkStream):
    """One connection; whoever uses it next brings a deadline of its own."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.within(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.within(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        within = self._deadline.within(timeout, httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, within), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Counted(httpx.SyncByteStream):
    """The body, as far as it may go."""

    def __init__(self, body: Any, largest: int) -> None:
        self._body, self._largest = body, largest

    def __iter__(self) -> Iterator[bytes]:
        seen = 0
        for piece in self._body:
            seen += len(piece)
            if seen > self._largest:
                raise TooLong(f"the answer has more than {self._largest} bytes")
            yield piece

    def close(self) -> None:
        self._body.close()
