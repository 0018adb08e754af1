"""An IAM user that sends mail from two regions of SES."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rotator.contracts.adapter import Surroundings
from rotator.model.policy import Recipe
from rotator.model.secrets import Sealed
from rotator.providers.ses_smtp import SesSmtp, smtp_password
from rotator.sandbox.faults import Outage
from rotator.sandbox.sources.iam import Iam, Key
from rotator.sandbox.sources.ses_smtp import SesServer
from rotator.testing.source_world import Fields
from rotator.testing.surroundings import surroundings
from rotator.testing.virtual_clock import VirtualClock
from tests.providers.iam_world import USER, IamWorld
from tests.providers.recipes import recipe_for

REGIONS = {"password": "eu-central-1", "password_us": "us-east-1"}


class SesWorld(IamWorld):
    """SourceWorld."""

    def __init__(self, iam: Iam, clock: VirtualClock, address: str, servers: Sequence[SesServer]) -> None:
        super().__init__(iam, clock, address)
        self.servers = servers

    @property
    def around(self) -> Surroundings:
        places = {
            f"ses_smtp_{server.region.replace('-', '_')}": f"https://localhost:{server.port}"
            for server in self.servers
        }
        return surroundings(clock=self.clock, endpoints={"iam": self.address, **places})

    @property
    def recipe(self) -> Recipe:
        fields = {"username": "SES_USERNAME", "password": "SES_PASSWORD", "password_us": "SES_US_PASSWORD"}
        return recipe_for(
            "SES_PASSWORD", "ses-smtp", fields=fields, settings={"iam_user": USER, "regions": REGIONS}
        )

    @property
    def provider(self) -> SesSmtp:
        return SesSmtp(self.recipe, self.around)

    def unknown(self) -> Fields:
        nobodys = {field: Sealed(secrets.token_urlsafe(33)) for field in REGIONS}
        return {"username": Sealed("SANDBOXNOBODYHASTHIS"), **nobodys}

    def accepts(self, fields: Fields) -> bool:
        key = self.iam.accepted(fields["username"].reveal())
        return key is not None and self.fields(key) == fields

    @contextmanager
    def in_use(self, fields: Fields) -> Iterator[None]:
        self.iam.use(fields["username"].reveal(), "ses")
        yield

    def unsayable(self, fields: Fields) -> tuple[Sealed, ...]:
        return tuple(fields[field] for field in REGIONS)

    @contextmanager
    def away(self) -> Iterator[None]:
        self.iam.weather.set_outages({"iam": Outage.CLOSED, "mail": Outage.CLOSED})
        yield
        self.iam.weather.set_outages({})

    def fields(self, key: Key) -> Fields:
        passwords = {field: smtp_password(Sealed(key.secret), region) for field, region in REGIONS.items()}
        return {"username": Sealed(key.id), **passwords}
