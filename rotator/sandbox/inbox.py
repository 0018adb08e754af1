"""What Stripe and Twilio send to an instance: taken when one of the accepted secrets has signed it, and counted.

While a webhook secret rotates, Stripe sends every event twice, signed differently and with one id: whoever has written
an id down recognises the second. Both formats are the vendors': "Verify webhook signatures manually" in Stripe's
documentation, "Webhooks security" in Twilio's.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qsl

import psycopg

from rotator.sandbox.diet import Count, Diet, tell
from rotator.sandbox.logins import counted_as, recorded


@dataclass(frozen=True)
class Inbox:
    """`address` is where Twilio finds the workload: it signs that, too. `dsn` leads to where events are kept."""

    stripe_secrets: Sequence[str] = field(repr=False)
    twilio_tokens: Sequence[str] = field(repr=False)
    dsn: str = field(repr=False)
    address: str
    count: Count

    @classmethod
    def of(cls, diet: Diet, values: Mapping[str, str], address: str, count: Count) -> Inbox:
        """As an instance has read it."""
        stripe_secrets = json.loads(diet.held("stripe_accepted", values) or "[]")
        twilio_tokens = json.loads(diet.held("twilio_accepted", values) or "[]")
        return cls(stripe_secrets, twilio_tokens, diet.held("database", values), address, count)

    def take(self, vendor: str, headers: Mapping[str, str], body: bytes) -> HTTPStatus:
        """The answer to one request of `vendor`; names of headers are in small letters."""
        match vendor:
            case "stripe":
                return self._stripe(headers.get("stripe-signature", ""), body)
            case "twilio":
                return self._twilio(headers.get("x-twilio-signature", ""), body)
        return HTTPStatus.NOT_FOUND

    def _stripe(self, signature: str, body: bytes) -> HTTPStatus:
        """400 for what no secret has signed; 500 where it cannot be written down, and Stripe tries again."""
        moment, _, signed = signature.removeprefix("t=").partition(",v1=")
        text = f"{moment}.".encode() + body
        if not any(
            _same(hmac.new(one.encode(), text, hashlib.sha256).hexdigest(), signed)
            for one in self.stripe_secrets
        ):
            self.count("stripe_refused")
            return HTTPStatus.BAD_REQUEST
        try:
            self.count("stripe_taken" if recorded(self.dsn, json.loads(body)["id"]) else "stripe_duplicates")
        except psycopg.Error as trouble:
            self.count(counted_as(trouble))
            return HTTPStatus.INTERNAL_SERVER_ERROR
        return HTTPStatus.OK

    def _twilio(self, signature: str, body: bytes) -> HTTPStatus:
        """403 for what no token has signed."""
        text = self.address + "".join(f"{name}{value}" for name, value in sorted(parse_qsl(body.decode())))
        self.count("callbacks_checked")
        for token in self.twilio_tokens:
            if _same(b64encode(hmac.digest(token.encode(), text.encode(), "sha1")).decode(), signature):
                return HTTPStatus.NO_CONTENT
        tell("a request of Twilio's is signed with no token that is accepted")
        self.count("callbacks_refused")
        return HTTPStatus.FORBIDDEN


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
