"""A Twilio account whose keys and token consumers use; its servers hear of changes late."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import pytest

from rotator.contracts.adapter import Surroundings
from rotator.model.policy import Recipe
from rotator.model.secrets import Sealed
from rotator.providers.twilio_api_key import TwilioApiKey
from rotator.providers.twilio_auth_token import TwilioAuthToken
from rotator.sandbox.faults import Fault, Outage, Rule
from rotator.sandbox.sources.twilio import Held, Twilio
from rotator.testing.source_world import Fields
from rotator.testing.surroundings import FreePacer, surroundings
from rotator.testing.virtual_clock import VirtualClock
from tests.providers.recipes import recipe_for

AUTH = "ssm:/taly/staging/rotator/TWILIO_MAIN_KEY"
ROTATED = "ssm:/taly/staging/TWILIO"  # the parameter that a rotation writes
FIELDS = {"sid": "TWILIO_SID", "secret": "TWILIO_SECRET"}


class TwilioWorld:
    """SourceWorld of API keys."""

    def __init__(self, twilio: Twilio, clock: VirtualClock, address: str) -> None:
        self.twilio, self.clock, self.address = twilio, clock, address
        self.pacer = FreePacer()
        self.account = twilio.somebody_opens()
        self.own = twilio.somebody_makes(self.account, kind="main")
        self.auth = Sealed(f"{self.own.id}:{self.own.secret}")

    @property
    def around(self) -> Surroundings:
        return surroundings(
            clock=self.clock,
            pacer=self.pacer,
            endpoints={"twilio": self.address},
            references={AUTH: self.auth},
        )

    def recipe(self, **more: Any) -> Recipe:
        settings = {"account_sid": self.account, "auth": AUTH, **more.pop("settings", {})}
        return recipe_for("TWILIO", "twilio-api-key", fields=FIELDS, settings=settings, **more)

    @property
    def provider(self) -> TwilioApiKey:
        return TwilioApiKey(self.recipe(), self.around)

    def predecessor(self) -> Fields:
        return self.fields(self.twilio.somebody_makes(self.account))

    def foreign(self) -> Fields:
        return self.predecessor()

    def unknown(self) -> Fields:
        return {"sid": Sealed(f"SK{secrets.token_hex(16)}"), "secret": Sealed(secrets.token_hex(16))}

    def relabel(self, fields: Fields) -> None:
        raise AssertionError("whose a key is says the account that lists it")

    def accepts(self, fields: Fields) -> bool:
        return self.twilio.accepts(fields["sid"].reveal(), fields["secret"].reveal()) is not None

    def in_use(self, _fields: Fields) -> nullcontext[None]:
        return nullcontext()

    def unsayable(self, fields: Fields) -> tuple[Sealed, ...]:
        return (fields["secret"], Sealed(self.own.secret))

    def lose_next_answer(self) -> None:
        changing = [one for one in self.twilio.server.source.operations if not one.startswith("GET")]
        self.twilio.weather.set_faults([Rule(Fault.LOST_ANSWER, one, times=1) for one in changing])

    def throttle_next(self) -> None:
        self.twilio.weather.set_faults([Rule(Fault.THROTTLED, times=1)])

    @contextmanager
    def away(self) -> Iterator[None]:
        self.twilio.weather.set_outages({"twilio": Outage.CLOSED})
        yield
        self.twilio.weather.set_outages({})

    def settle(self) -> None:
        self.clock.pass_by(self.twilio.propagation + self.twilio.listing)

    # more of it

    def fields(self, key: Held) -> Fields:
        return {"sid": Sealed(key.id), "secret": Sealed(key.secret)}

    def find(self, key_id: str) -> Held:
        return next(one for one in self.twilio.keys if one.id == key_id)


class TokenWorld(TwilioWorld):
    """SourceWorld of the auth token. `place` is where `auth` leads, and what is there is read anew each time."""

    place = AUTH

    @property
    def around(self) -> Surroundings:
        return replace(super().around, resolve=lambda reference: {self.place: self.auth}[reference])

    def token_recipe(self, **more: Any) -> Recipe:
        settings = {
            "account_sid": self.account,
            "auth": self.place,
            "owns_secondary": True,
            **more.pop("settings", {}),
        }
        accepted = "/taly/staging/TWILIO_TOKENS_ACCEPTED"
        return recipe_for(
            "TWILIO", "twilio-auth-token", **{"accepted_as": accepted, "settings": settings, **more}
        )

    @property
    def provider(self) -> TwilioAuthToken:  # type: ignore[override]  # another adapter at the same vendor
        return TwilioAuthToken(self.token_recipe(), self.around)

    def predecessor(self) -> Fields:
        return {"value": Sealed(self.twilio.tokens[self.account].secret)}

    def foreign(self) -> Fields:
        """Nobody else's token is there: rotator owns the place beside the one in use."""
        return self.predecessor()

    def unknown(self) -> Fields:
        return {"value": Sealed(secrets.token_hex(16))}

    def accepts(self, fields: Fields) -> bool:
        return self.twilio.accepts(self.account, fields["value"].reveal()) is not None

    def unsayable(self, fields: Fields) -> tuple[Sealed, ...]:
        return (fields["value"], Sealed(self.own.secret))


@pytest.fixture
def twilio(monkeypatch: pytest.MonkeyPatch) -> Iterator[TwilioWorld]:
    """An account of its own for each test. What the SDK would take from the environment leads nowhere."""
    for name in ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_EDGE", "TWILIO_REGION"):
        monkeypatch.setenv(name, "nowhere")
    clock = VirtualClock()
    vendor = Twilio(clock)
    with vendor.server.serving() as address:
        yield TwilioWorld(vendor, clock, address)


@pytest.fixture
def token(twilio: TwilioWorld) -> TokenWorld:
    """The token of that account."""
    return TokenWorld(twilio.twilio, twilio.clock, twilio.address)
