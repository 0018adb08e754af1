"""A Stripe account whose events go to one URL; consumers verify them with what is in the store."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest

from rotator.contracts.adapter import Surroundings
from rotator.model.policy import Recipe
from rotator.model.secrets import Sealed
from rotator.providers.stripe_webhook import StripeWebhook
from rotator.sandbox.faults import Fault, Outage, Rule
from rotator.sandbox.sources.stripe import Stripe
from rotator.testing.source_world import Fields
from rotator.testing.surroundings import FreePacer, surroundings
from rotator.testing.virtual_clock import VirtualClock
from tests.providers.recipes import recipe_for

URL = "http://127.0.0.1:9/webhooks/stripe"
AUTH = "ssm:/taly/staging/rotator/STRIPE_ADMIN_KEY"


class StripeWorld:
    """SourceWorld."""

    def __init__(self, stripe: Stripe, clock: VirtualClock, address: str, api: str = "v1") -> None:
        self.stripe, self.clock, self.address, self.api = stripe, clock, address, api
        self.pacer = FreePacer()
        self.url, self.key = URL, Sealed(stripe.somebody_makes_a_key())

    @property
    def around(self) -> Surroundings:
        endpoints, references = {"stripe": self.address}, {AUTH: self.key}
        return surroundings(clock=self.clock, pacer=self.pacer, endpoints=endpoints, references=references)

    def recipe(self, **more: Any) -> Recipe:
        settings = {"endpoint_url": self.url, "auth": AUTH, "api": self.api, **more.pop("settings", {})}
        accepted = "/taly/staging/STRIPE_ACCEPTED"
        return recipe_for("STRIPE", "stripe-webhook", accepted_as=accepted, settings=settings, **more)

    @property
    def provider(self) -> StripeWebhook:
        return StripeWebhook(self.recipe(), self.around)

    def predecessor(self) -> Fields:
        return {"value": Sealed(self.stripe.somebody_makes(self.url).secret)}

    def foreign(self) -> Fields:
        return self.predecessor()

    def unknown(self) -> Fields:
        return {"value": Sealed(f"whsec_{secrets.token_urlsafe(24)}")}

    def relabel(self, fields: Fields) -> None:
        for one in self.stripe.endpoints:
            if one.secret == fields["value"].reveal():
                one.metadata["rotator_secret"] = "staging/SOMEBODY_ELSE"

    def accepts(self, fields: Fields) -> bool:
        return self.stripe.signs_with(fields["value"].reveal())

    def in_use(self, _fields: Fields) -> nullcontext[None]:
        return nullcontext()

    def unsayable(self, fields: Fields) -> tuple[Sealed, ...]:
        return (fields["value"], self.key)

    def lose_next_answer(self) -> None:
        changing = [one for one in self.stripe.server.source.operations if not one.startswith("GET")]
        self.stripe.weather.set_faults([Rule(Fault.LOST_ANSWER, one, times=1) for one in changing])

    def throttle_next(self) -> None:
        self.stripe.weather.set_faults([Rule(Fault.THROTTLED, times=1)])

    @contextmanager
    def away(self) -> Iterator[None]:
        self.stripe.weather.set_outages({"stripe": Outage.CLOSED})
        yield
        self.stripe.weather.set_outages({})

    def settle(self) -> None:
        """Stripe is the same everywhere at once."""


@pytest.fixture(params=["v1", "v2"])
def stripe(request: pytest.FixtureRequest) -> Iterator[StripeWorld]:
    """An account of its own for each test, by either API."""
    clock = VirtualClock()
    account = Stripe(clock)
    with account.server.serving() as address:
        yield StripeWorld(account, clock, address, request.param)
