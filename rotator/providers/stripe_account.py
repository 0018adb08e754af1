"""One Stripe account as rotator's key sees it: the SDK's client, its requests sent our way, its errors in our words.

Stripe's errors may quote what was sent, so nothing of them reaches a message but their code.
That the account is full is a sentence without a code; its words want confirming in a sandbox account [M].
Sources: "Error handling", "Idempotent requests" and "Rate limits" in Stripe's documentation.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import stripe
from stripe import StripeClient, _util

from rotator.contracts.adapter import Surroundings
from rotator.model.errors import Refused, RotatorError, Transient
from rotator.model.retry_after import pause_asked
from rotator.providers.vendor_http import Sender

Answer = TypeVar("Answer")

_KEY = re.compile(r"[rs]k_(live|test)_\w+")
_FULL = re.compile(r"maximum of \d+ .*(webhook endpoints|event destinations)", re.IGNORECASE)

# At DEBUG the SDK logs every answer, signing secrets included; by its own variable STRIPE_LOG it prints them.
logging.getLogger("stripe").setLevel(logging.WARNING)
stripe.log = None
_util.STRIPE_LOG = None


class NotThere(Refused):
    """Stripe knows no such endpoint."""


class Replayed(Transient):
    """Stripe repeated an answer of old instead of doing what it was asked: another idempotency key is needed."""


class StripeAccount:
    """The account of the key behind `reference`, which is read anew for every request: it is rotated too."""

    def __init__(self, reference: str, around: Surroundings) -> None:
        self._reference, self._around = reference, around

    def ask(self, request: Callable[[StripeClient], Answer], doing: str, *, mints: bool = False) -> Answer:
        """The answer to one request; `doing` completes "Stripe could not …". Raises Transient or Refused."""
        client = self._client(mints=mints)
        try:
            return request(client)
        except stripe.StripeError as error:
            failed = error
        # Raised out here, so that the error with Stripe's own words is not even the context of ours.
        raise self._trouble(failed, doing)

    @property
    def livemode(self) -> bool:
        """Whether rotator's key is one of live mode. Raises Refused where it is no key of Stripe."""
        return self._key()[1]

    def _key(self) -> tuple[str, bool]:
        key = self._around.resolve(self._reference).reveal().strip()
        mode = _KEY.fullmatch(key)
        if mode is None:
            raise Refused(
                f"what {self._reference} holds is no secret or restricted key of Stripe (sk_…, rk_…): put one there"
            )
        return key, mode[1] == "live"

    def _client(self, *, mints: bool) -> StripeClient:
        address = self._around.endpoint("stripe")
        return StripeClient(
            self._key()[0],
            base_addresses={"api": address.rstrip("/")} if address else {},
            http_client=_Transport(Sender("Stripe", f"stripe:{self._reference}", self._around.pacer, mints)),
            max_network_retries=0,
        )

    def _trouble(self, error: stripe.StripeError, doing: str) -> RotatorError:
        headers: Mapping[str, str] = error.headers or {}
        code, status = _plain(error.code), error.http_status or 0
        if status == 409:
            return Transient(f"Stripe is still at it: {doing}; it is asked again")
        if isinstance(error, stripe.IdempotencyError) or _is_replay(headers):
            return Replayed(f"Stripe repeats an earlier answer instead of what it was asked: {doing}")
        if isinstance(error, stripe.RateLimitError) or status == 429:
            return Transient(
                f"Stripe is being asked too often in this account and did not {doing}; nothing was changed",
                retry_after=pause_asked(headers),
            )
        if isinstance(error, stripe.AuthenticationError):
            return Transient(
                f"Stripe refuses rotator's own key in {self._reference}: nothing was changed, consumers are not "
                "affected. Put a key that works there; it is read again at the next try"
            )
        if isinstance(error, stripe.PermissionError):
            return Transient(
                f"Stripe does not allow rotator to {doing}: the key in {self._reference} lacks the right to write "
                "webhook endpoints. Nothing was changed, and the work goes on by itself once it is allowed"
            )
        if status == 404:
            return NotThere(f"Stripe cannot {doing}: it knows no such endpoint")
        if status == 400 and _FULL.search(error.user_message or ""):
            return Refused(
                f"Stripe will not {doing}: the account has as many webhook endpoints as it may, and rotator makes no "
                "room; nothing was changed. See which of them nobody uses, and delete it"
            )
        if status == 400:
            return Refused(
                f"Stripe will not {doing}: it finds the request invalid ({code}); nothing was changed"
            )
        return Transient(f"Stripe failed (HTTP {status}, {code}) when asked to {doing}", pause_asked(headers))


class _Transport(stripe.HTTPClient):
    """Every request once, without the SDK's retries."""

    name = "httpx"

    def __init__(self, sender: Sender) -> None:
        super().__init__()
        self._sender = sender

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        """Body, status and headers."""
        answer = self._sender.send(method, url, headers=dict(headers or {}), content=post_data)
        return answer.text, answer.status_code, answer.headers

    def close(self) -> None:
        """Nothing is kept open."""


def was_replayed(made: stripe.StripeObject) -> bool:
    """Whether Stripe gave the answer to an earlier request with the same idempotency key."""
    return made.last_response is not None and _is_replay(made.last_response.headers)


def _is_replay(headers: Mapping[str, str]) -> bool:
    return headers.get("idempotent-replayed", "") == "true"


def _plain(code: object) -> str:
    return code if isinstance(code, str) and re.fullmatch(r"\w{1,60}", code) else "no code"
