"""Asking an authorization server over HTTP, within bounds, and saying what it said.

Only over https (plain http to this machine); redirects are not followed and pages of other hosts not asked for, since
what is in the headers would go elsewhere; an answer is read up to 1 MiB and no further. Nothing that a server wrote
reaches a message: it may quote what was sent. A missing right is trouble and no verdict: a person repairs it, and no
rotation is undone for it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from rotator.addresses import host_of, unsafe
from rotator.bounded import LATER, Bounded
from rotator.contracts.adapter import Surroundings
from rotator.contracts.guard import CALL_SECONDS, MINT_SECONDS, guard
from rotator.model.errors import GaveUp, Refused, RotatorError, Transient
from rotator.model.hosts import must_be_allowed
from rotator.model.json_text import parsed
from rotator.model.retry_after import pause_asked, until

_SPARE_SECONDS = 1.0
#: Some tell when their rate is free again, in seconds since 1970, and not how long to wait.
_RATE_RESETS = ("X-Rate-Limit-Reset", "X-RateLimit-Reset")


@dataclass(frozen=True, slots=True)
class Effect:
    """How a request that changes something is bound: what guard() is asked, and how long it may take."""

    seconds: float


READING, CHANGING, MINTING = None, Effect(CALL_SECONDS), Effect(MINT_SECONDS)


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be sent. `url` holds no secret: it may stand in logs on the way."""

    method: str
    url: str
    headers: dict[str, str]
    content: bytes = b""


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """What came back; the body may hold a secret, and is never shown."""

    status: int
    headers: httpx.Headers
    content: bytes

    def said(self) -> Any:
        """The body as JSON; None where it is none."""
        try:
            return parsed(self.content)
        except ValueError:
            return None

    def next_link(self) -> str | None:
        """The next page (RFC 8288)."""
        for link in self.headers.get_list("Link"):
            found = re.search(r'<([^<>]+)>\s*;\s*rel="?next"?', link)
            if found:
                return found[1]
        return None


class Line:
    """The way to one server; `what` is how people call it."""

    def __init__(self, what: str, around: Surroundings) -> None:
        self.what, self._around = what, around

    def send(self, request: Request, doing: str, effect: Effect | None = READING) -> Answer:
        """The answer, whatever its status below 500; `doing` completes "Okta could not …".

        Raises Refused for an address that is not safe, and Transient where there is no whole answer, or "later".
        """
        if trouble := unsafe(request.url):
            raise Refused(f"{self.what} was not asked to {doing}: {trouble}")
        must_be_allowed(self._around.allows, host := host_of(request.url), host)
        open_question = "whether it happened shows at the next attempt" if effect else "nothing was changed"
        failed: RotatorError
        try:
            answer = self._sent(request, effect)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            failed = Transient(
                f"{self.what} cannot be reached ({type(error).__name__}) to {doing}; nothing was changed"
            )
        except httpx.TimeoutException as error:
            late = GaveUp if effect else Transient
            failed = late(
                f"{self.what} did not answer in time ({type(error).__name__}) to {doing}; {open_question}"
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            failed = Transient(
                f"{self.what} gave no whole answer ({type(error).__name__}) to {doing}; {open_question}"
            )
        else:
            trouble_said = self._trouble(answer, doing, open_question)
            if trouble_said is None:
                return answer
            failed = trouble_said
        # Raised out here, so that an exception that quotes the request is not even the context of ours.
        raise failed

    def _sent(self, request: Request, effect: Effect | None) -> Answer:
        within = effect.seconds if effect else CALL_SECONDS

        def last_look(_request: httpx.Request) -> None:
            """What guard() raises ends the call unsent."""
            if effect:
                guard(effect.seconds)

        headers = {"Accept": "application/json", **request.headers}
        host, hooks = httpx.URL(request.url).host, {"request": [last_look]}
        with Bounded(host, within - _SPARE_SECONDS, event_hooks=hooks) as client:
            answer = client.request(request.method, request.url, headers=headers, content=request.content)
            return Answer(answer.status_code, answer.headers, answer.content)

    def _trouble(self, answer: Answer, doing: str, open_question: str) -> RotatorError | None:
        if answer.status == 429:
            return Transient(
                f"{self.what} is being asked too often and did not {doing}; nothing was changed",
                self._pause(answer.headers),
            )
        if answer.status in LATER:
            return Transient(f"{self.what} would not {doing} just now (HTTP {answer.status})")
        if answer.status >= 500:
            sentence = f"{self.what} failed (HTTP {answer.status}) when asked to {doing}; {open_question}"
            return Transient(sentence, self._pause(answer.headers))
        if not 200 <= answer.status < 300 and answer.status < 400:
            return Transient(
                f"{self.what} sends rotator elsewhere (HTTP {answer.status}) when asked to {doing}, and rotator does "
                "not follow with what it carries: correct the address"
            )
        return None

    def _pause(self, headers: httpx.Headers) -> timedelta | None:
        """Its own word for when, in whichever way it says it."""
        said = pause_asked(headers)
        if said is not None:
            return said
        for name in _RATE_RESETS:
            at = headers.get(name, "")
            if at:
                return until(at, self._around.clock.now())
        return None


def same_place(url: str, other: str) -> bool:
    """Whether both lead to one server."""
    try:
        one, two = httpx.URL(url), httpx.URL(other)
    except httpx.InvalidURL:
        return False
    return (one.scheme, one.host, one.port) == (two.scheme, two.host, two.port)


def moment(text: Any) -> datetime | None:
    """RFC 3339, with a zone, in UTC; None where it is something else."""
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
        return found.astimezone(UTC) if found and found.tzinfo else None
    except (
        ValueError,
        OverflowError,
    ):  # some moments of the first day and the last one are in no year of UTC
        return None
