"""The address of a dead man's switch: one GET without a body says that all is well.

Healthchecks.io, Cronitor, Dead Man's Snitch and a page of one's own take it so. Its address is a secret: whoever knows
it can keep everybody calm. Healthchecks answers 200 for an address that it does not know, too, and says so in words
("Pinging API" in its documentation): that was not heard.
"""

from __future__ import annotations

from collections.abc import Callable

import httpx

from rotator.addresses import host_of, unsafe
from rotator.bounded import Bounded
from rotator.contracts.guard import CALL_SECONDS, guard
from rotator.model.errors import Refused, RotatorError, Transient
from rotator.model.hosts import Allows, must_be_allowed
from rotator.model.secrets import Sealed

_SPARE_SECONDS = 1.0
_LARGEST_BYTES = 64 * 1024
_NOT_HEARD = frozenset({b"ok (not found)", b"ok (rate limited)"})
_WHAT = "the heartbeat's address"


class HeartbeatUrl:
    """Outside, at an address.

    `resolve` gives what is behind a reference, `allows` says which hosts may be talked to.
    """

    def __init__(self, resolve: Callable[[str], Sealed], allows: Allows) -> None:
        self._resolve, self._allows = resolve, allows

    def hear(self, reference: str) -> None:
        """One GET. Raises Transient for all but 2xx, Refused for an address that is not safe or not allowed."""
        url = self._resolve(reference).reveal().strip()
        if trouble := unsafe(url):
            raise Refused(f"{_WHAT} ({reference}) is of no use: {trouble}")
        must_be_allowed(self._allows, host := host_of(url), host)
        guard(CALL_SECONDS)
        failed: RotatorError | None = None
        try:
            with Bounded(host, CALL_SECONDS - _SPARE_SECONDS, largest=_LARGEST_BYTES) as client:
                answer = client.get(url)
        except (httpx.HTTPError, httpx.InvalidURL) as lost:
            failed = Transient(f"{_WHAT} does not answer ({type(lost).__name__})")
        else:
            if not answer.is_success:
                failed = Transient(
                    f"{_WHAT} answers {answer.status_code}: see that {reference} holds the right one"
                )
            elif answer.content.strip().lower() in _NOT_HEARD:
                failed = Transient(f"{_WHAT} is known to nobody there, or called too often: see {reference}")
        # Raised out here, so that an exception that quotes the address is not even the context of ours.
        if failed is not None:
            raise failed
