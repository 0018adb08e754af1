"""An authorization server in one vendor's shape, whose client's secret consumers present at its token endpoint."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from rotator.contracts.adapter import Surroundings
from rotator.model.policy import Recipe
from rotator.model.secrets import Sealed
from rotator.providers.oauth_client import OauthClient
from rotator.sandbox.faults import Fault, Outage, Rule
from rotator.sandbox.sources.oauth import OWN_CLIENT, Kept, OauthSource
from rotator.sandbox.weather import Weather
from rotator.testing.source_world import Fields
from rotator.testing.surroundings import FreePacer, surroundings
from rotator.testing.virtual_clock import VirtualClock
from tests.providers.recipes import recipe_for

CLIENT = "taly-crm"
EFFECTS = ("create", "disable", "enable", "remove", "tell")
TOKEN, SECRET = "ssm:/taly/staging/rotator/OAUTH_TOKEN", "ssm:/taly/staging/rotator/OAUTH_SECRET"
AS_CLIENT = {"client_id": OWN_CLIENT, "client_secret": SECRET}
#: What a policy says for each recipe.
SETTINGS: dict[str, dict[str, Any]] = {
    "okta": {
        "access": {"token": TOKEN},
        "address": "https://taly.okta.example",
        "values": {"app": f"app-{CLIENT}"},
    },
    "entra": {"access": AS_CLIENT, "values": {"tenant": "taly.example", "object": f"app-{CLIENT}"}},
    "auth0": {
        "access": AS_CLIENT,
        "address": "https://taly.auth0.example",
        "values": {"management_audience": "https://taly.auth0.example/api/v2/"},
    },
    "keycloak": {
        "access": AS_CLIENT,
        "address": "https://login.taly.example",
        "values": {"realm": "taly", "client": f"app-{CLIENT}"},
    },
}


class LosingOne(Weather):
    """The answer to the next effect is lost, whichever it is."""

    losing = False

    def draw(self, operation: str) -> Rule | None:
        if self.losing and operation in EFFECTS:
            self.losing = False
            return Rule(Fault.LOST_ANSWER)
        return super().draw(operation)


class OauthWorld:
    """SourceWorld."""

    def __init__(self, source: OauthSource, clock: VirtualClock, address: str) -> None:
        self.source, self.clock, self.address = source, clock, address
        self.source.weather = self.weather = LosingOne()
        self.pacer = FreePacer()
        source.clients[CLIENT] = []

    @property
    def around(self) -> Surroundings:
        references = {TOKEN: Sealed(self.source.own_token), SECRET: Sealed(f"{self.source.own_secret}\n")}
        endpoints = {f"oauth_{self.source.vendor}": self.address}
        return surroundings(clock=self.clock, pacer=self.pacer, endpoints=endpoints, references=references)

    def recipe(self, **more: Any) -> Recipe:
        settings = {"recipe": self.source.vendor, "client_id": CLIENT, **SETTINGS[self.source.vendor]}
        gap = self.source.vendor in {"auth0", "keycloak"}
        return recipe_for("OAUTH_SECRET", "oauth-client", settings=settings, accept_gap=gap, **more)

    @property
    def provider(self) -> OauthClient:
        return OauthClient(self.recipe(), self.around)

    def predecessor(self) -> Fields:
        return self.fields(self.source.somebody_makes(CLIENT, "made in the portal"))

    def foreign(self) -> Fields:
        return self.predecessor()

    def unknown(self) -> Fields:
        return {"value": Sealed(secrets.token_urlsafe(30))}

    def relabel(self, fields: Fields) -> None:
        kept = self.source.find(fields["value"].reveal())
        assert kept is not None
        kept.label = "rotator/production/ro-7"

    def accepts(self, fields: Fields) -> bool:
        return self.source.accepts(CLIENT, fields["value"].reveal())

    @contextmanager
    def in_use(self, fields: Fields) -> Iterator[None]:
        assert self.accepts(fields)
        yield

    def unsayable(self, fields: Fields) -> tuple[Sealed, ...]:
        own = (Sealed(self.source.own_token), Sealed(self.source.own_secret))
        return (*fields.values(), *own)

    def lose_next_answer(self) -> None:
        self.weather.losing = True

    def throttle_next(self) -> None:
        self.weather.set_faults([Rule(Fault.THROTTLED, times=1)])

    @contextmanager
    def away(self) -> Iterator[None]:
        self.weather.set_outages({self.source.vendor: Outage.CLOSED})
        yield
        self.weather.set_outages({})

    def settle(self) -> None:
        self.clock.pass_by(self.source.propagation + self.source.listing)

    # more of it

    def fields(self, kept: Kept) -> Fields:
        return {"value": Sealed(kept.value)}

    def calls(self, operation: str) -> int:
        return self.weather.counts["calls"][operation]

    def pass_by(self, **time: float) -> None:
        self.clock.pass_by(timedelta(**time))


@contextmanager
def server_of(vendor: str) -> Iterator[OauthWorld]:
    """A server in the vendor's shape, with one client and no secret yet."""
    clock = VirtualClock()
    source = OauthSource(clock, vendor)
    with source.serving() as address:
        yield OauthWorld(source, clock, address)
