"""Posting an event to a program: within bounds, to an address that is safe and allowed, and saying what it answered.

Nothing that the far side wrote reaches a message, and no address that came out of a store does: it may be a secret.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx

from rotator.addresses import host_of, unsafe
from rotator.bounded import LATER, Bounded
from rotator.contracts.guard import CALL_SECONDS, guard
from rotator.contracts.pacer import Pacer
from rotator.model.errors import Refused, RotatorError, Transient
from rotator.model.hosts import Allows, must_be_allowed
from rotator.model.retry_after import pause_asked

#: Nobody reads more of an answer than its status.
_LARGEST_BYTES = 64 * 1024
_SPARE_SECONDS = 1.0
#: Events a second to one address, and at once after a pause.
_PER_SECOND, _AT_ONCE = 1.0, 10
#: What a far side says when the sender is the trouble, not the event.
_WHO_ARE_YOU = frozenset({401, 403})

#: What an answer means that another far side would mean otherwise; None leaves it to what all share.
Verdict = Callable[[int], RotatorError | None]


@dataclass(frozen=True, slots=True)
class Post:
    """One event on its way. `where` is how people call the far side; `login` what to correct when it does not know us.

    `account` is whose rate is used up.
    """

    url: str
    content: bytes
    headers: Mapping[str, str]
    where: str
    account: str
    login: str


def post(one: Post, allows: Allows, pacer: Pacer, own: Verdict = lambda _status: None) -> None:
    """Sends it, once. Raises Transient, Refused, and what the pacer and guard() raise."""
    if trouble := unsafe(one.url):
        raise Refused(f"{one.where}: {trouble}; nothing was sent")
    must_be_allowed(allows, host := host_of(one.url), host)
    pacer.pace(one.account, _PER_SECOND, _AT_ONCE)
    guard(CALL_SECONDS)
    failed: RotatorError | None
    try:
        with Bounded(host, CALL_SECONDS - _SPARE_SECONDS, largest=_LARGEST_BYTES) as client:
            answer = client.post(one.url, content=one.content, headers=dict(one.headers))
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as lost:
        failed = Transient(kept(f"{one.where} did not answer ({type(lost).__name__})"))
    else:
        failed = own(answer.status_code) or _meant(one, answer)
        if isinstance(failed, Transient) and failed.retry_after:
            pacer.back_off(one.account, failed.retry_after)
    # Raised out here, so that an exception that quotes the request is not even the context of ours.
    if failed is not None:
        raise failed


def _meant(one: Post, answer: httpx.Response) -> RotatorError | None:
    status = answer.status_code
    if answer.is_success:
        return None
    if status in _WHO_ARE_YOU:
        return Transient(kept(f"{one.where} does not accept it ({status}): {one.login}"))
    if status in LATER or status == httpx.codes.TOO_MANY_REQUESTS or status >= 500:
        return Transient(kept(f"{one.where} says later ({status})"), pause_asked(answer.headers))
    if answer.is_redirect:
        return Refused(
            f"{one.where} answers {status}: rotator follows no redirects; write the address itself in policies.yaml"
        )
    return Refused(f"{one.where} refuses it ({status}): correct policies.yaml, or what takes events there")


def kept(sentence: str) -> str:
    """A sentence about trouble, and what becomes of the alert."""
    return f"{sentence}. The alert is kept and tried again"
