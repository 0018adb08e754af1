"""Endpoints at Stripe: an event comes from each that is enabled, and every receiver must take one of them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from stripe import SignatureVerificationError, WebhookSignature

from rotator.clock import SystemClock
from rotator.sandbox.sources.stripe import Stripe
from tests.company.secret import Held
from tests.crash.sources.source import PATH, Asked, Known, Source, There

_URL = "http://127.0.0.1:9/webhooks/stripe"


class StripeEndpoints(Source):
    """Signed and verified by Stripe's own code; nothing is sent."""

    adapter = "stripe-webhook"
    rules = ("accept_unseen",)

    def start(self, folder: Path, around: ExitStack) -> Mapping[str, str]:
        self._stripe = Stripe(SystemClock())
        self._key = self._stripe.somebody_makes_a_key()
        self._address = around.enter_context(self._stripe.server.serving())
        return {"value": self._stripe.somebody_makes(_URL).secret}

    def settings(self) -> Mapping[str, Any]:
        return {"endpoint_url": _URL, "auth": f"ssm:{PATH}/rotator/STRIPE_ADMIN_KEY"}

    def own(self) -> Mapping[str, str]:
        return {"STRIPE_ADMIN_KEY": self._key}

    def environment(self) -> Mapping[str, str]:
        return {"ROTATOR_ENDPOINT_STRIPE": self._address}

    def refused(self, everybody: Mapping[str, Held]) -> Iterator[tuple[Held, str]]:
        """Every instance gets each event from every enabled endpoint, and takes one at least."""
        now, body = int(time.time()), json.dumps({"id": "evt_1", "object": "event"})
        secrets = [one.secret for one in list(self._stripe.endpoints) if one.enabled]
        signed = [WebhookSignature.generate_signature_header(body, secret, now) for secret in secrets]
        for who, held in everybody.items():
            asked = (Asked("", {"stripe-signature": one}, body.encode()) for one in signed)
            if not any(self.lets_in(held, one) for one in asked):
                yield held, who

    def lets_in(self, held: Held, asked: Asked) -> bool:
        return any(_verified(member, asked) for member in self.members(held))

    def there(self, known: Known, everybody: Iterable[Held]) -> Iterable[There]:
        for one in list(self._stripe.endpoints):
            label = one.metadata.get("rotator_rotation", "")
            yield There(known.id_of(one.secret), label, accepted=one.enabled)


class StripeDestinations(StripeEndpoints):
    """Event destinations, of API v2."""

    def settings(self) -> Mapping[str, Any]:
        return {**super().settings(), "api": "v2"}


def _verified(member: str, asked: Asked) -> bool:
    try:
        WebhookSignature.verify_header(asked.body.decode(), asked.headers["stripe-signature"], member)
    except SignatureVerificationError:
        return False
    return True
