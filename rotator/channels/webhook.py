"""A webhook: signed events for a program of yours, which pages, opens tickets or passes them on.

Signed as Standard Webhooks has it (its specification, version 1.0.0): `webhook-signature` holds the HMAC-SHA256 of
`webhook-id`, `webhook-timestamp` and the body, so that nobody else can page anybody, and nothing that was overheard
counts later. docs/reference/webhook.md tells receivers how to check it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import ClassVar

from rotator.channels import events
from rotator.channels.posting import Post, post
from rotator.contracts.clock import Clock
from rotator.contracts.pacer import Pacer
from rotator.model.alerts import Alert, Receipt
from rotator.model.errors import Refused
from rotator.model.hosts import Allows
from rotator.model.secrets import Sealed

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
_PREFIX = "whsec_"
_SETTING = "ROTATOR_WEBHOOK_SECRET"


class Webhook:
    """Events for programs. `address` is an https URL, or a reference to where one is kept.

    `secret` is one signing secret, or several with a blank between while it changes: each signs. `resolve` gives what
    is behind a reference, `allows` says which hosts may be talked to, `docs_url` is where the folder docs is served.
    """

    needs: ClassVar[str] = (
        "a signing secret (ROTATOR_WEBHOOK_SECRET), and the receiver's host among the allowed ones"
    )
    tried_on: ClassVar[str] = "a stand-in that checks signatures as the specification says"

    def __init__(
        self,
        *,
        secret: Sealed,
        resolve: Callable[[str], Sealed],
        allows: Allows,
        pacer: Pacer,
        clock: Clock,
        docs_url: str | None = None,
    ) -> None:
        self._secret, self._resolve, self._allows = secret, resolve, allows
        self._pacer, self._clock, self._docs_url = pacer, clock, docs_url

    def deliver(self, alert: Alert, address: str, earlier: Receipt | None) -> Receipt:
        """Sends one event: that something is so, still so, worse, or over.

        The receipt is as events.receipt makes it. Raises Refused for an address that
        is of no use and for a receiver that will not take the event, Transient for all other trouble.
        """
        content = events.event(alert, earlier, self._docs_url)
        said = events.told_times(earlier)
        identity = events.message_id(content, alert.opened_at.isoformat(), said)
        body = json.dumps({**content, "id": identity}, ensure_ascii=False).encode()
        post(
            Post(
                url=self._resolve(address).reveal() if is_reference(address) else address,
                content=body,
                headers=self._signed(identity, body),
                where=f"the webhook {address}",
                account=f"webhook:{address}",
                login=f"it does not know the signature; put its signing secret into {_SETTING}, and see both clocks",
            ),
            self._allows,
            self._pacer,
        )
        return events.receipt(alert, earlier)

    def edit(self, alert: Alert, address: str, earlier: Receipt) -> Receipt:
        """One event more: somebody has answered, or no answer holds any more. Raises as deliver() does."""
        return self.deliver(alert, address, earlier)

    def _signed(self, identity: str, body: bytes) -> dict[str, str]:
        at = str(int(self._clock.now().timestamp()))
        signed = " ".join(signature(key, identity, at, body) for key in keys(self._secret))
        return {ID: identity, TIMESTAMP: at, SIGNATURE: signed, "Content-Type": "application/json"}


def is_reference(address: str) -> bool:
    """Whether it leads to the address and is none itself."""
    return not address.startswith(("https://", "http://"))


def keys(secret: Sealed) -> list[bytes]:
    """The keys that sign. Raises Refused for what is no secret of Standard Webhooks."""
    words = secret.reveal().split()
    try:
        found = [base64.b64decode(word.removeprefix(_PREFIX), validate=True) for word in words]
    except (binascii.Error, ValueError):
        found = []
    if not found or not all(word.startswith(_PREFIX) for word in words):
        raise Refused(
            f"{_SETTING} holds no signing secret: write whsec_ and the base64 of 24 to 64 random bytes"
        )
    return found


def signature(key: bytes, identity: str, timestamp: str, body: bytes) -> str:
    """`v1,` and the base64 of the HMAC-SHA256 over id, timestamp and body, a dot between them."""
    signed = hmac.new(key, f"{identity}.{timestamp}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(signed.digest()).decode()}"
