"""Webhook endpoints (v1) and event destinations (v2) as rotator needs them: listed, cloned, turned off and on, deleted.

Neither API can roll a signing secret, and both show one only in the answer that makes it; so a successor is a clone at
the same URL. What a clone copies is all that can be set when one is made: of v1 not `connect`, which Stripe does not
show and the policy says; of v2 the secret and the URL only where `include` asks for them.

Idempotency: Stripe keeps the first answer to a key for 24 hours and repeats it, errors included [M: that it repeats a
secret, and marks what it repeats with Idempotent-Replayed in v2 too, wants confirming in a sandbox account]. So a mint
whose answer was lost gives the same secret when it is asked again. Unless the endpoint was deleted meanwhile: then the
answer is of something that is gone, and the next key mints another one.
To be confirmed there, too [M]: whether v2 lists what was made by v1 (it would count as unknown, and stay as it is).
Sources: Stripe's API reference of webhook endpoints, event destinations (v2) and idempotent requests.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol, cast

from rotator.model.errors import Refused, Transient
from rotator.model.secrets import Sealed
from rotator.providers.stripe_account import NotThere, Replayed, StripeAccount, was_replayed

if TYPE_CHECKING:
    from stripe import StripeClient, StripeObject

#: A key whose answer was of something that is gone is never asked again; nobody loses more answers in a day.
_KEYS = 8
_PAGE = 100
_SHOWN = ["webhook_endpoint.url"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One of them, without its secret. `kind` is what a clone copies, as the API that lists it takes it."""

    id: str
    url: str
    live: bool
    livemode: bool
    created_at: datetime
    metadata: Mapping[str, str]
    kind: Mapping[str, Any] = field(repr=False)


class _Api(Protocol):
    """What differs between v1 and v2."""

    def pages(self, stripe: StripeClient) -> Iterator[StripeObject]: ...
    def get(self, stripe: StripeClient, endpoint_id: str) -> StripeObject: ...
    def make(self, stripe: StripeClient, wanted: Mapping[str, Any], url: str, key: str) -> StripeObject: ...
    def turn(self, stripe: StripeClient, endpoint_id: str, *, on: bool) -> object: ...
    def delete(self, stripe: StripeClient, endpoint_id: str) -> object: ...
    def read(self, shown: Any) -> Endpoint | None: ...
    def secret(self, made: Any) -> str | None: ...


class Endpoints:
    """Those of one account, by one of the two APIs."""

    def __init__(self, account: StripeAccount, api: _Api) -> None:
        self._account, self._api = account, api

    @property
    def mode(self) -> str:
        """Of rotator's key: Stripe shows it nothing of the other one."""
        return _mode(live=self._account.livemode)

    def listed(self) -> tuple[Endpoint, ...]:
        """All of the account, at any URL. Raises Refused where one is not of the key's mode."""
        shown = self._account.ask(lambda stripe: list(self._api.pages(stripe)), "list webhook endpoints")
        livemode = self._account.livemode
        return tuple(read for one in shown if (read := self._read(one, livemode=livemode)))

    def get(self, endpoint_id: str) -> Endpoint | None:
        """One of them; None where Stripe knows no such."""
        try:
            shown = self._account.ask(
                lambda stripe: self._api.get(stripe, endpoint_id), f"show {endpoint_id}"
            )
        except NotThere:
            return None
        return self._read(shown, livemode=self._account.livemode)

    def mint(
        self, like: Endpoint, metadata: Mapping[str, str], more: Mapping[str, Any], key: str
    ) -> tuple[str, Sealed]:
        """The id and the secret of a clone. Asked again with the same arguments it gives the same, for a day."""
        wanted = {**like.kind, **more, "metadata": {**like.metadata, **metadata}}
        for number in range(_KEYS):
            made = self._made(wanted, like.url, f"{key}-{number}")
            if made is None:
                continue
            secret = self._api.secret(made)
            if not secret:
                raise Refused(f"Stripe made {made['id']} and showed no secret: nobody can use it")
            return str(made["id"]), Sealed(secret)
        raise Transient(
            f"Stripe gave {_KEYS} answers of old when asked for an endpoint; it is asked again later"
        )

    def turn(self, endpoint_id: str, *, on: bool) -> bool:
        """Enables or disables it; False where it is gone."""
        doing = f"{'enable' if on else 'disable'} {endpoint_id}"
        try:
            self._account.ask(lambda stripe: self._api.turn(stripe, endpoint_id, on=on), doing)
        except NotThere:
            return False
        return True

    def delete(self, endpoint_id: str) -> None:
        """For good; silent where it is gone."""
        try:
            self._account.ask(lambda stripe: self._api.delete(stripe, endpoint_id), f"delete {endpoint_id}")
        except NotThere:
            return

    def _made(self, wanted: Mapping[str, Any], url: str, key: str) -> StripeObject | None:
        """None where Stripe repeats an answer that is of no use any more."""
        try:
            made = self._account.ask(
                lambda stripe: self._api.make(stripe, wanted, url, key), "make a webhook endpoint", mints=True
            )
        except Replayed:
            return None
        if was_replayed(made) and self.get(made["id"]) is None:
            return None
        return made

    def _read(self, shown: StripeObject, *, livemode: bool) -> Endpoint | None:
        endpoint = self._api.read(shown)
        if endpoint is not None and endpoint.livemode is not livemode:
            raise Refused(
                f"{endpoint.id} is of {_mode(live=endpoint.livemode)} and rotator's key of {_mode(live=livemode)}: put "
                "a key of the right mode where `auth` leads; nothing was changed"
            )
        return endpoint


class V1:
    """Webhook endpoints. `api_version` and `connect` are fixed when one is made."""

    _COPIED = ("enabled_events", "api_version", "description")

    def pages(self, stripe: StripeClient) -> Iterator[StripeObject]:
        """All of them."""
        return iter(stripe.v1.webhook_endpoints.list(params={"limit": _PAGE}).auto_paging_iter())

    def get(self, stripe: StripeClient, endpoint_id: str) -> StripeObject:
        """One."""
        return stripe.v1.webhook_endpoints.retrieve(endpoint_id)

    def make(self, stripe: StripeClient, wanted: Mapping[str, Any], url: str, key: str) -> StripeObject:
        """One more; `secret` is in this answer only."""
        params = cast("Any", {**wanted, "url": url})
        return stripe.v1.webhook_endpoints.create(params, options={"idempotency_key": key})

    def turn(self, stripe: StripeClient, endpoint_id: str, *, on: bool) -> object:
        """Enabled or disabled."""
        return stripe.v1.webhook_endpoints.update(endpoint_id, params={"disabled": not on})

    def delete(self, stripe: StripeClient, endpoint_id: str) -> object:
        """For good."""
        return stripe.v1.webhook_endpoints.delete(endpoint_id)

    def read(self, shown: Any) -> Endpoint | None:
        """One as Stripe shows it."""
        plain = shown.to_dict()
        return Endpoint(
            id=plain["id"],
            url=plain["url"],
            live=plain["status"] == "enabled",
            livemode=plain["livemode"],
            created_at=datetime.fromtimestamp(plain["created"], UTC),
            metadata=plain.get("metadata") or {},
            kind=_given(plain, self._COPIED),
        )

    def secret(self, made: Any) -> str | None:
        """Of the answer that made it."""
        secret: str | None = made.to_dict().get("secret")
        return secret


class V2:
    """Event destinations that lead to a webhook endpoint. Type, payload, origin and version are fixed."""

    _COPIED = (
        "name",
        "description",
        "enabled_events",
        "event_payload",
        "events_from",
        "snapshot_api_version",
    )

    def pages(self, stripe: StripeClient) -> Iterator[StripeObject]:
        """All of them, those to other places than a URL too."""
        params = cast("Any", {"limit": _PAGE, "include": _SHOWN})
        return iter(stripe.v2.core.event_destinations.list(params).auto_paging_iter())

    def get(self, stripe: StripeClient, endpoint_id: str) -> StripeObject:
        """One."""
        return stripe.v2.core.event_destinations.retrieve(endpoint_id, cast("Any", {"include": _SHOWN}))

    def make(self, stripe: StripeClient, wanted: Mapping[str, Any], url: str, key: str) -> StripeObject:
        """One more; without `include` nobody would ever see its secret."""
        include = [*_SHOWN, "webhook_endpoint.signing_secret"]
        place = {"type": "webhook_endpoint", "webhook_endpoint": {"url": url}, "include": include}
        params = cast("Any", {**wanted, **place})
        return stripe.v2.core.event_destinations.create(params, options={"idempotency_key": key})

    def turn(self, stripe: StripeClient, endpoint_id: str, *, on: bool) -> object:
        """Enabled or disabled."""
        destinations = stripe.v2.core.event_destinations
        return destinations.enable(endpoint_id) if on else destinations.disable(endpoint_id)

    def delete(self, stripe: StripeClient, endpoint_id: str) -> object:
        """For good."""
        return stripe.v2.core.event_destinations.delete(endpoint_id)

    def read(self, shown: Any) -> Endpoint | None:
        """One as Stripe shows it; None where it leads to no URL."""
        plain = shown.to_dict()
        place = plain.get("webhook_endpoint") or {}
        if plain["type"] != "webhook_endpoint" or not place.get("url"):
            return None
        return Endpoint(
            id=plain["id"],
            url=place["url"],
            live=plain["status"] == "enabled",
            livemode=plain["livemode"],
            created_at=datetime.fromisoformat(plain["created"]),
            metadata=plain.get("metadata") or {},
            kind=_given(plain, self._COPIED),
        )

    def secret(self, made: Any) -> str | None:
        """Of the answer that made it."""
        secret: str | None = (made.to_dict().get("webhook_endpoint") or {}).get("signing_secret")
        return secret


def _given(plain: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: plain[name] for name in names if plain.get(name) not in (None, "")}


def _mode(*, live: bool) -> str:
    return "live mode" if live else "test mode"
