"""Stripe of the sandbox: webhook endpoints (v1), event destinations (v2), and the events that they deliver.

Written from Stripe's documentation: the API references of webhook endpoints, event destinations and idempotent
requests; "Receive Stripe events in your webhook endpoint" and "Resolve webhook signature verification errors" for
deliveries and signatures. Hostile unless it is told otherwise: lists come in pages of two (v2: the first one is empty),
the account is full at 16, a secret is shown once, an answer that was given under an idempotency key is repeated for a
day, also when it was an error or is of something deleted since, and other parameters under that key are refused.

Both APIs see the same endpoints. An event goes to every enabled endpoint that wants its type, each with a signature of
its own; what a receiver refuses is tried again when `deliver()` is told to, for three days, and waits while its
endpoint is disabled.

Simplified: rights of restricted keys, accounts of others, thin events, Stripe's back-off between tries.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from rotator.clock import SystemClock
from rotator.contracts.clock import Clock
from rotator.sandbox.sources.listening import serve_until_ended
from rotator.sandbox.sources.rest import Refusal, Reply, Request, RestServer, Source, post
from rotator.sandbox.weather import Weather

ENDPOINTS = 16
_KEPT, _TRIED = timedelta(hours=24), timedelta(days=3)
_PAGE = 2
_REPLAYED = {"Idempotent-Replayed": "true"}


@dataclass
class Endpoint:
    """One endpoint or destination."""

    id: str
    url: str
    secret: str = field(repr=False)
    livemode: bool
    created_at: datetime
    kind: dict[str, Any]
    metadata: dict[str, str]
    enabled: bool = True

    def wants(self, event_type: str) -> bool:
        """Whether it gets events of that type."""
        return bool({"*", event_type} & set(self.kind["enabled_events"]))


@dataclass
class Delivery:
    """One event for one endpoint, until the receiver has taken it. `answers` are its statuses so far; 0 is none."""

    endpoint: Endpoint
    event: Mapping[str, Any]
    since: datetime
    answers: list[int] = field(default_factory=list)

    @property
    def taken(self) -> bool:
        """Whether the receiver said 2xx."""
        return any(200 <= status < 300 for status in self.answers)


class Stripe:
    """One account. Everything but the operations acts past the API."""

    def __init__(
        self,
        clock: Clock,
        *,
        tried: timedelta = _TRIED,
    ) -> None:
        self.clock, self.weather = clock, Weather()
        self.tried = tried  # so long it tries to deliver what no receiver has taken
        self.keys: dict[str, bool] = {}  # key -> whether it is one of live mode
        self.endpoints: list[Endpoint] = []
        self.ever: list[Endpoint] = []  # the deleted ones too
        self.deliveries: list[Delivery] = []
        self._given: dict[str, tuple[datetime, str, Reply | Refusal]] = {}
        self.server = RestServer(
            Source(
                "stripe",
                {
                    "GET /v1/balance": lambda _: Reply({"object": "balance", "available": []}),
                    "GET /v1/webhook_endpoints": self._list,
                    "POST /v1/webhook_endpoints": self._create,
                    "GET /v1/webhook_endpoints/*": lambda request: Reply(_v1(self._find(request))),
                    "POST /v1/webhook_endpoints/*": self._update,
                    "DELETE /v1/webhook_endpoints/*": self._delete,
                    "GET /v2/core/event_destinations": self._list_v2,
                    "POST /v2/core/event_destinations": self._create_v2,
                    "GET /v2/core/event_destinations/*": lambda request: Reply(
                        _v2(self._find(request), request)
                    ),
                    "POST /v2/core/event_destinations/*/disable": lambda one: self._turn(one, enabled=False),
                    "POST /v2/core/event_destinations/*/enable": lambda one: self._turn(one, enabled=True),
                    "DELETE /v2/core/event_destinations/*": self._delete,
                },
                _refused,
                self._admit,
                {
                    "emit": lambda event: [one.answers for one in self.emit(event)],
                    "deliver": self._told_to_deliver,
                },
                self._once,
            ),
            self.weather,
        )

    # past the API

    def somebody_makes_a_key(self, *, live: bool = False) -> str:
        """A restricted key."""
        key = f"rk_{'live' if live else 'test'}_{secrets.token_hex(12)}"
        self.keys[key] = live
        return key

    def somebody_makes(self, url: str, *, live: bool = False, **kind: Any) -> Endpoint:
        """An endpoint, as made in the Dashboard."""
        wanted = {"enabled_events": ["invoice.paid", "charge.refunded"], "description": "CRM", **kind}
        return self._new(url, wanted, {}, live=live)

    def find(self, endpoint_id: str) -> Endpoint | None:
        """One that is not deleted."""
        return next((one for one in self.endpoints if one.id == endpoint_id), None)

    def signs_with(self, secret: str) -> bool:
        """Whether events are signed with it now."""
        return any(
            one.enabled and secrets.compare_digest(one.secret, secret) for one in tuple(self.endpoints)
        )

    def emit(self, event: Mapping[str, Any]) -> list[Delivery]:
        """Something happened: every enabled endpoint that wants it is told at once."""
        mine = [
            Delivery(one, event, self.clock.now())
            for one in tuple(self.endpoints)
            if one.enabled and one.wants(event["type"])
        ]
        self.deliveries += mine
        for delivery in mine:
            self._try(delivery)
        return mine

    def deliver(self) -> int:
        """Tries again what no receiver has taken; how much is left."""
        for delivery in self.deliveries:
            in_time = self.clock.now() <= delivery.since + self.tried
            if (
                not delivery.taken
                and in_time
                and delivery.endpoint.enabled
                and delivery.endpoint in self.endpoints
            ):
                self._try(delivery)
        return sum(not one.taken and one.endpoint in self.endpoints for one in self.deliveries)

    # operations

    def _list(self, request: Request) -> Reply:
        mine = self._of_mode(request)
        after = request.given.get("starting_after")
        start = next((place + 1 for place, one in enumerate(mine) if one.id == after), 0)
        page = mine[start : start + _PAGE]
        more = start + _PAGE < len(mine)
        listed = {"object": "list", "data": [_v1(one) for one in page], "has_more": more}
        return Reply({**listed, "url": "/v1/webhook_endpoints"})

    def _create(self, request: Request) -> Reply:
        given = request.given
        if not (given.get("url") and given.get("enabled_events")):
            raise Refusal("parameter_missing", "Missing required param: url or enabled_events.")
        kind = {
            name: given[name]
            for name in ("enabled_events", "api_version", "description", "connect")
            if name in given
        }
        made = self._made(request, given["url"], kind)
        return Reply({**_v1(made), "secret": made.secret})

    def _update(self, request: Request) -> Reply:
        endpoint = self._find(request)
        if "disabled" in request.given:
            endpoint.enabled = request.given["disabled"] != "true"
        return Reply(_v1(endpoint))

    def _delete(self, request: Request) -> Reply:
        endpoint = self._find(request)
        self.endpoints.remove(endpoint)
        return Reply({"id": endpoint.id, "object": "webhook_endpoint", "deleted": True})

    def _list_v2(self, request: Request) -> Reply:
        """The first page is empty; what was included counts for the pages that follow."""
        mine, page = self._of_mode(request), int(request.given.get("page", 0))
        shown = mine[(page - 1) * _PAGE : page * _PAGE] if page else []
        asked = request.given.get("include", [])
        query = "".join(f"include[{place}]={one}&" for place, one in enumerate(asked))
        more = f"/v2/core/event_destinations?{query}page={page + 1}"
        left = page * _PAGE < len(mine)
        return Reply({"data": [_v2(one, request) for one in shown], "next_page_url": more if left else None})

    def _create_v2(self, request: Request) -> Reply:
        given = dict(request.given)
        missing = {"name", "type", "event_payload", "enabled_events", "webhook_endpoint"} - given.keys()
        if missing:
            raise Refusal("parameter_missing", f"Missing {', '.join(sorted(missing))}.")
        names = (
            "name",
            "description",
            "enabled_events",
            "event_payload",
            "events_from",
            "snapshot_api_version",
        )
        kind = {name: given[name] for name in names if name in given}
        made = self._made(request, given["webhook_endpoint"]["url"], kind)
        return Reply(_v2(made, request, first=True))

    def _turn(self, request: Request, *, enabled: bool) -> Reply:
        endpoint = self._find(request)
        endpoint.enabled = enabled
        return Reply(_v2(endpoint, request))

    # within

    def _admit(self, request: Request) -> None:
        key = request.bearer if "Bearer " in request.headers.get("authorization", "") else request.basic[0]
        if key not in self.keys:
            raise Refusal("api_key_invalid", "Invalid API Key provided.", HTTPStatus.UNAUTHORIZED)

    def _once(self, request: Request, act: Callable[[], Reply]) -> Reply:
        """Under one idempotency key a thing is done once; v1 keeps errors too, v2 does what failed again."""
        key = request.headers.get("idempotency-key")
        if key is None or not request.operation.startswith("POST "):
            return act()
        wanted = json.dumps([request.operation, request.ids, request.given], sort_keys=True)
        kept = self._given.get(key)
        if kept and self.clock.now() < kept[0] + _KEPT:
            if kept[1] != wanted:
                raise Refusal(
                    "", "Keys can only be used with the parameters of before.", kind="idempotency_error"
                )
            if isinstance(kept[2], Refusal):
                raise kept[2]
            return kept[2]._replace(headers=_REPLAYED)
        try:
            reply = act()
        except Refusal as refusal:
            if refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR and request.operation.startswith(
                "POST /v1"
            ):
                again = Refusal(refusal.code, refusal.sentence, refusal.status, headers=_REPLAYED)
                self._given[key] = (self.clock.now(), wanted, again)
            raise
        self._given[key] = (self.clock.now(), wanted, reply)
        return reply

    def _of_mode(self, request: Request) -> list[Endpoint]:
        return [one for one in self.endpoints if one.livemode is self.keys[request.bearer]]

    def _find(self, request: Request) -> Endpoint:
        for one in self._of_mode(request):
            if one.id == request.ids[0]:
                return one
        raise Refusal("resource_missing", "No such webhook endpoint.", HTTPStatus.NOT_FOUND)

    def _made(self, request: Request, url: str, kind: dict[str, Any]) -> Endpoint:
        if len(self.endpoints) >= ENDPOINTS:
            sentence = f"You have reached the maximum of {ENDPOINTS} test webhook endpoints."
            raise Refusal("", sentence)
        live = self.keys[request.bearer]
        if live and not url.startswith("https://"):
            raise Refusal("url_invalid", "Invalid URL: live mode wants https.")
        return self._new(url, kind, dict(request.given.get("metadata") or {}), live=live)

    def _new(self, url: str, kind: dict[str, Any], metadata: dict[str, str], *, live: bool) -> Endpoint:
        secret = f"whsec_{secrets.token_urlsafe(24)}"
        made = Endpoint(f"we_{secrets.token_hex(12)}", url, secret, live, self.clock.now(), kind, metadata)
        self.endpoints.append(made)
        self.ever.append(made)
        return made

    def _try(self, delivery: Delivery) -> None:
        body = json.dumps({"object": "event", "livemode": delivery.endpoint.livemode, **delivery.event})
        moment = int(self.clock.now().timestamp())
        signed = hmac.new(delivery.endpoint.secret.encode(), f"{moment}.{body}".encode(), hashlib.sha256)
        headers = {
            "Content-Type": "application/json",
            "Stripe-Signature": f"t={moment},v1={signed.hexdigest()}",
        }
        status = post(delivery.endpoint.url, body, headers)
        delivery.answers.append(status)
        self.weather.count("calls", f"delivered {status}")

    def _told_to_deliver(self, _nothing: Any) -> Any:
        return {"left": self.deliver()}


def _v1(one: Endpoint) -> dict[str, Any]:
    return {
        "id": one.id,
        "object": "webhook_endpoint",
        "url": one.url,
        "status": "enabled" if one.enabled else "disabled",
        "livemode": one.livemode,
        "created": int(one.created_at.timestamp()),
        "application": None,
        "enabled_events": one.kind["enabled_events"],
        "api_version": one.kind.get("api_version"),
        "description": one.kind.get("description"),
        "metadata": one.metadata,
    }


def _v2(one: Endpoint, request: Request, *, first: bool = False) -> dict[str, Any]:
    """The URL and the secret only where they were asked for."""
    asked = request.given.get("include", [])
    place = {"url": one.url} if "webhook_endpoint.url" in asked else {}
    if first and "webhook_endpoint.signing_secret" in asked:
        place["signing_secret"] = one.secret
    moment = one.created_at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return {
        "name": "CRM",
        "description": "",
        "event_payload": "snapshot",
        "events_from": ["@self"],
        "snapshot_api_version": None,
        **one.kind,
        "id": one.id,
        "object": "v2.core.event_destination",
        "type": "webhook_endpoint",
        "status": "enabled" if one.enabled else "disabled",
        "livemode": one.livemode,
        "created": moment,
        "updated": moment,
        "metadata": one.metadata,
        "webhook_endpoint": place,
    }


def _refused(refusal: Refusal) -> dict[str, Any]:
    kind = refusal.kind or "invalid_request_error"
    code = {"code": refusal.code} if refusal.code else {}
    return {"error": {"type": kind, "message": refusal.sentence, **code}}


def main(_port: str, port: str, url: str) -> None:
    """`--port 0`, then the URL of an endpoint that somebody has made; prints its secret and a key, too."""
    stripe = Stripe(SystemClock())
    made = stripe.somebody_makes(url)
    serve_until_ended(
        stripe.server, int(port), key=stripe.somebody_makes_a_key(), id=made.id, secret=made.secret
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
