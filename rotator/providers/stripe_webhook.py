"""Stripe-webhook: the secret with which Stripe signs the events that it sends to one URL of ours.

Stripe rolls no secret by API, so the successor is a second endpoint at the same URL. While both live each event comes
twice, signed differently and with the same id: receivers accept either secret (the accepted set) and know an event by
its id, as Stripe asks of every receiver anyway. The predecessor is disabled when grace is over, so that it can be
enabled again with all that it still had to deliver, and deleted after the quarantine; Stripe tries again for up to
three days, so a quarantine of three days loses nothing.

Between the mint and the new accepted set, receivers refuse what the successor signs. Nothing is lost: the predecessor
delivers the same event, and Stripe tries the refused one again.

Who has which secret, Stripe never tells. What it does tell is who sends to a URL: where one live endpoint does, whoever
verifies there has its secret. With two, only the journal knows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from rotator.contracts.adapter import Surroundings
from rotator.contracts.options import AdapterOptions, leads_to
from rotator.contracts.provider import AtSource, LastUsed, Liveness, Observation, Overlap, Sight, Traits
from rotator.model.errors import CredentialRefused, Refused
from rotator.model.policy import Recipe
from rotator.model.rotation import Death
from rotator.model.secrets import Credential, Sealed
from rotator.providers.verified_value import VerifiedValue

if TYPE_CHECKING:
    from rotator.providers.stripe_endpoints import Endpoint, Endpoints

AdminKey = Annotated[str, leads_to("STRIPE_ADMIN_KEY", never="a key")]

#: What rotator writes into an endpoint's metadata.
_ROTATION, _SECRET = "rotator_rotation", "rotator_secret"
#: The codes with which a receiver says that a signature is wrong; 400 is what Stripe's own examples answer.
_NO = frozenset({400, 401, 403})
#: For so long Stripe tries again to deliver what was refused ("Receive Stripe events in your webhook endpoint").
_TRIES = timedelta(days=3)
_CUT_SHORT = (
    "quarantine is shorter than 3d: for so long Stripe tries again to deliver what a receiver refused, and what is "
    "left of that is deleted with the endpoint"
)
_CONNECT_UNKNOWN = (
    "connect is not written: Stripe does not show whether an endpoint gets the events of connected accounts, and its "
    "clone would get none of them; write connect: true if it does, else connect: false"
)


class StripeWebhook(VerifiedValue):
    """The endpoints at one URL. Consumers read one parameter, and accept every secret in the accepted set."""

    apart: ClassVar[tuple[str, ...]] = ("endpoint_url",)
    needs: ClassVar[str] = "a restricted key that may write webhook endpoints"
    tried_on: ClassVar[str] = "a stand-in, through Stripe's SDK"
    remark: ClassVar[str] = "endpoints and event destinations, as many as Stripe has room for"

    class Options(AdapterOptions):
        """`slots` is what Stripe allows the account: 16 unless it was raised [M: wants confirming]."""

        endpoint_url: str  # where Stripe sends events, exactly as it stands at Stripe
        auth: AdminKey  # reference to a restricted key with the right to write webhook endpoints
        api: Literal["v1", "v2"] = "v1"  # webhook endpoints, or event destinations
        connect: bool = False  # v1: it gets the events of connected accounts; Stripe does not show that
        slots: Annotated[int, Field(ge=2, le=1000)] = 16

    traits: ClassVar[Traits] = Traits(
        overlap=Overlap.MANY,
        mints=True,
        labels=True,
        reversible=True,
        sight=Sight.NO,
        death=Death.LISTED_GONE,
        verified=True,
    )

    def __init__(self, recipe: Recipe, around: Surroundings) -> None:
        self._recipe, self._around = recipe, around
        self._options = self.Options.taken_from(recipe.settings, recipe.secret)
        self._made: Endpoints | None = None

    @classmethod
    def check(cls, recipe: Recipe) -> list[str]:
        """Also: receivers must know both secrets, and where Stripe sends."""
        from rotator.addresses import unsafe  # noqa: PLC0415 - a policy check loads no HTTP

        complaints, settings = super().check(recipe), recipe.settings
        if recipe.accepted_as is None and not recipe.accept_gap:
            complaints.append(
                "accepted_as is missing: while both endpoints live, events come with either signature; write "
                "accepted_as: NAME_ACCEPTED, or accept_gap: true if receivers may refuse some of them for a while"
            )
        if "endpoint_url" in settings and unsafe(str(settings["endpoint_url"])):
            complaints.append("endpoint_url must begin with https://: live events go nowhere else")
        if settings.get("api") == "v2" and settings.get("connect"):
            complaints.append(
                "connect belongs to api: v1; an event destination is cloned with its events_from"
            )
        return complaints

    @classmethod
    def advise(cls, recipe: Recipe, copies: frozenset[str]) -> list[str]:  # noqa: ARG003 - wherever copies stand
        """Of a webhook endpoint only people know whether it is one of Connect; and what is deleted delivers no more."""
        options = cls.Options.model_validate(recipe.settings)
        told = "connect" in options.model_fields_set
        advice = [] if told or options.api == "v2" else [_CONNECT_UNKNOWN]
        return [*advice, _CUT_SHORT] if recipe.quarantine < _TRIES * recipe.scale else advice

    @property
    def principal(self) -> str:
        """The URL: the endpoints there are each other's predecessors."""
        return f"stripe:{self._recipe.environment}:{self._options.endpoint_url}"

    def observe(self) -> Observation:
        """The endpoints at the URL. Slots are counted over the whole account."""
        everywhere = self._endpoints.listed()
        free = max(0, self._options.slots - len(everywhere))
        return Observation(
            tuple(
                AtSource(
                    one.id,
                    Liveness.LIVE if one.live else Liveness.DISABLED,
                    created_at=one.created_at,
                    label=one.metadata.get(_ROTATION),
                )
                for one in everywhere
                if one.url == self._options.endpoint_url
            ),
            free_slots=free,
            blocker="" if free else self._full(len(everywhere)),
        )

    def identify(self, current: Mapping[str, Sealed]) -> str | None:  # noqa: ARG002 - Stripe shows no secret again
        """The one live endpoint at the URL; None where there are several, or none."""
        live = [one for one in self._here() if one.live]
        return live[0].id if len(live) == 1 else None

    def create(self, label: str, predecessor: str | None) -> Credential:
        """A clone of the predecessor at the same URL. The same secret again when it is asked again within a day."""
        like = self._like(predecessor)
        if like.livemode and not self._options.endpoint_url.startswith("https://"):
            raise Refused("Stripe sends live events to https:// only: correct endpoint_url, at Stripe too")
        marks = {_ROTATION: label, _SECRET: self._recipe.secret}
        more: dict[str, Any] = {"connect": True} if self._options.connect else {}
        endpoint_id, secret = self._endpoints.mint(like, marks, more, f"rotator-{label}")
        return Credential(endpoint_id, {"value": secret})

    def activate(self, successor: Credential) -> None:
        """Nothing: Stripe sends to it from its first second."""

    def verify(self, credential: Credential) -> None:
        """Whether Stripe signs with it: its endpoint is there, enabled, and sends to the URL.

        Of a credential without an id only this can be said: where nothing sends, no secret is of use.
        """
        if not credential.id:
            if not any(one.live for one in self._here()):
                raise CredentialRefused(f"no endpoint at Stripe sends to {self._options.endpoint_url}")
            return
        endpoint = self._endpoints.get(credential.id)
        if endpoint is None:
            raise CredentialRefused(
                f"Stripe has no endpoint {credential.id}: nothing is signed with its secret"
            )
        if not endpoint.live:
            raise CredentialRefused(f"{credential.id} is disabled: nothing is signed with its secret")
        self._sends_here(endpoint)

    def disable(self, credential_id: str) -> None:
        """Stripe keeps what it had to deliver. Silent where it is gone."""
        if self._ours(credential_id):
            self._endpoints.turn(credential_id, on=False)

    def enable(self, credential_id: str) -> None:
        """Stripe delivers again, what waited too. Raises Refused where it is gone."""
        if not (self._ours(credential_id) and self._endpoints.turn(credential_id, on=True)):
            raise Refused(f"{credential_id} was deleted at Stripe: nothing can enable it")

    def remove(self, credential_id: str) -> None:
        """For good. Raises Refused when it is of another secret, or sends elsewhere."""
        if self._ours(credential_id):
            self._endpoints.delete(credential_id)

    def last_used(self, credential_id: str) -> LastUsed:  # noqa: ARG002 - the same for all
        """Unknown: which secret verified an event, only the receiver knows."""
        return LastUsed(known=False)

    def probe(self, url: str, credential: Credential) -> None:
        """POSTs an event that means nothing (`rotator.probe`), signed as Stripe signs; 400, 401 and 403 are a no."""
        from stripe import WebhookSignature  # noqa: PLC0415 - a policy check must not load stripe

        from rotator.providers.probing import ask  # noqa: PLC0415 - as above

        now = int(self._around.clock.now().timestamp())
        event = {"id": f"evt_rotator_{now}", "object": "event", "type": "rotator.probe", "created": now}
        body = json.dumps({**event, "livemode": False, "data": {"object": {}}})
        secret = credential.fields["value"].reveal()
        signature = WebhookSignature.generate_signature_header(body, secret, now)
        headers = {"Content-Type": "application/json", "Stripe-Signature": signature}
        ask(self._around.allows, "POST", url, credential.id, _NO, content=body, headers=headers)

    @property
    def _endpoints(self) -> Endpoints:
        from rotator.providers import stripe_endpoints as all_of_them  # noqa: PLC0415 - as in probe
        from rotator.providers.stripe_account import StripeAccount  # noqa: PLC0415 - as in probe

        if self._made is None:
            api = all_of_them.V1() if self._options.api == "v1" else all_of_them.V2()
            self._made = all_of_them.Endpoints(StripeAccount(self._options.auth, self._around), api)
        return self._made

    def _here(self) -> list[Endpoint]:
        return [one for one in self._endpoints.listed() if one.url == self._options.endpoint_url]

    def _like(self, predecessor: str | None) -> Endpoint:
        """What is cloned: the predecessor; where nobody can name it, what all at the URL have in common."""
        found = self._endpoints.get(predecessor) if predecessor else None
        if found:
            self._sends_here(found)
            return found
        there = [one for one in self._here() if one.metadata.get(_SECRET) in {None, self._recipe.secret}]
        if not there:
            raise Refused(
                f"Stripe shows no endpoint at {self._options.endpoint_url} that could be cloned, in the "
                f"{self._endpoints.mode} of rotator's key: put a key of the other mode where `auth` leads, or make one "
                "there, put its secret into the store, and rotate again"
            )
        if any(one.kind != there[0].kind for one in there):
            names = ", ".join(one.id for one in there)
            raise Refused(
                f"the endpoints at {self._options.endpoint_url} are not of one kind ({names}), and nobody knows whose "
                "secret the store holds: delete at Stripe what is not used; nothing was changed"
            )
        return there[0]

    def _ours(self, endpoint_id: str) -> bool:
        """False where it is gone. Raises Refused for what another secret's rotation made, or what sends elsewhere."""
        endpoint = self._endpoints.get(endpoint_id)
        if endpoint is None:
            return False
        owner = endpoint.metadata.get(_SECRET, self._recipe.secret)
        if owner != self._recipe.secret:
            raise Refused(f"{endpoint_id} is marked as {owner}'s at Stripe: it was left as it is")
        self._sends_here(endpoint)
        return True

    def _sends_here(self, endpoint: Endpoint) -> None:
        if endpoint.url != self._options.endpoint_url:
            raise Refused(
                f"{endpoint.id} sends to another URL than {self._options.endpoint_url}: it was left as it is. Correct "
                "endpoint_url, or what somebody changed at Stripe"
            )

    def _full(self, count: int) -> str:
        return (
            f"the Stripe account has {count} webhook endpoints and may have {self._options.slots} (`slots`). rotator "
            "deletes none that it did not make: see which of them nobody uses, and delete it, or have Stripe raise the "
            "limit and say so in `slots`"
        )
