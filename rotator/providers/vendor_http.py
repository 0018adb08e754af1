"""How vendors' SDKs send their requests here: by httpx, under the rules of the house instead of the SDK's.

An SDK's own transport retries what it likes, waits without end (Twilio's has no timeout at all), goes through proxies
of the environment to this machine, and has no hook before the bytes leave. Both SDKs take another transport; this is
what ours share. What it raises is ours, so no exception of an SDK ever holds a request. A vendor counts requests by
account, and one that says when to come back means everybody who asks for that account.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from rotator.bounded import Bounded
from rotator.contracts.guard import CALL_SECONDS, MINT_SECONDS, guard
from rotator.contracts.pacer import Pacer
from rotator.model.errors import GaveUp, Transient
from rotator.model.retry_after import pause_asked

_SPARE_SECONDS = 1.0
# Stripe takes 25 a second in test mode ("Rate limits"); Twilio names no number. Theirs are for consumers, too.
_PER_SECOND, _AT_ONCE = 20.0, 20


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends one request to `vendor`, once, as soon as the rate of `account` allows it.

    `mints`: a lost answer may have made a credential.
    """

    vendor: str
    account: str
    pacer: Pacer
    mints: bool = False

    def send(
        self, method: str, url: str, *, login: tuple[str, str] | None = None, **request: Any
    ) -> httpx.Response:
        """The answer, whatever its status. Raises Transient when there is none; NotYet, LostClaim before it is sent."""
        self.pacer.pace(self.account, _PER_SECOND, _AT_ONCE)
        changes = method.upper() not in {"GET", "HEAD"}
        seconds = MINT_SECONDS if self.mints else CALL_SECONDS
        with Bounded(urlsplit(url).hostname or "", seconds - _SPARE_SECONDS) as client:
            message = client.build_request(method, url, **request)
            if changes:
                guard(seconds)
            try:
                answer = client.send(message, auth=login)
            except httpx.HTTPError as error:
                failed = error
            else:
                if answer.is_error and (pause := pause_asked(answer.headers)):
                    self.pacer.back_off(self.account, pause)
                return answer
        raise self._trouble(failed, changes=changes)

    def _trouble(self, error: httpx.HTTPError, *, changes: bool) -> Transient:
        """A connection that the far side closed carries nothing any more; one that we gave up may deliver yet."""
        kind = type(error).__name__
        unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
        if unsent or not changes:
            return Transient(f"{self.vendor} did not answer ({kind}); nothing was changed")
        sentence = (
            f"{self.vendor} did not answer ({kind}); whether it happened shows at the next attempt, which looks before "
            "it acts"
        )
        return (GaveUp if isinstance(error, httpx.TimeoutException) else Transient)(sentence)


def moved(url: str, address: str | None) -> str:
    """The URL at another server, where settings name one."""
    if address is None:
        return url
    return urlsplit(url)._replace(**_place(address)).geturl()


def _place(address: str) -> Mapping[str, str]:
    parts = urlsplit(address)
    return {"scheme": parts.scheme, "netloc": parts.netloc}
