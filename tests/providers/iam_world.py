"""An AWS account whose IAM users have keys; consumers use them, and IAM hears of it later."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from rotator.contracts.adapter import Surroundings
from rotator.model.secrets import Sealed
from rotator.providers.aws_access_key import AwsAccessKey
from rotator.providers.iam_user import IamUser
from rotator.sandbox.faults import Fault, Outage, Rule
from rotator.sandbox.sources.iam import Iam, Key
from rotator.testing.source_world import Fields
from rotator.testing.surroundings import surroundings
from rotator.testing.virtual_clock import VirtualClock
from tests.providers.recipes import recipe_for

USER = "taly-staging-ci"
EFFECTS = ("CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey")


class IamWorld:
    """SourceWorld."""

    def __init__(self, iam: Iam, clock: VirtualClock, address: str) -> None:
        self.iam, self.clock, self.address = iam, clock, address
        iam.users[USER] = []

    @property
    def around(self) -> Surroundings:
        return surroundings(clock=self.clock, endpoints={"iam": self.address, "sts": self.address})

    @property
    def provider(self) -> IamUser:
        fields = {"access_key_id": "CI_KEY_ID", "secret_access_key": "CI_SECRET_KEY"}
        recipe = recipe_for("CI_KEY", "aws-access-key", fields=fields, settings={"iam_user": USER})
        return AwsAccessKey(recipe, self.around)

    def predecessor(self) -> Fields:
        return self.fields(self.iam.somebody_makes(USER))

    def foreign(self) -> Fields:
        return self.predecessor()

    def unknown(self) -> Fields:
        return {
            "access_key_id": Sealed("SANDBOXNOBODYHASTHIS"),
            "secret_access_key": Sealed(secrets.token_urlsafe(30)),
        }

    def relabel(self, fields: Fields) -> None:
        raise AssertionError("an access key has no label")

    def accepts(self, fields: Fields) -> bool:
        return self.iam.accepts(fields["access_key_id"].reveal(), fields["secret_access_key"].reveal())

    @contextmanager
    def in_use(self, fields: Fields) -> Iterator[None]:
        self.iam.use(fields["access_key_id"].reveal(), "s3")
        yield

    def unsayable(self, fields: Fields) -> tuple[Sealed, ...]:
        return (fields["secret_access_key"],)

    def lose_next_answer(self) -> None:
        self.iam.weather.set_faults([Rule(Fault.LOST_ANSWER, effect, times=1) for effect in EFFECTS])

    def throttle_next(self) -> None:
        self.iam.weather.set_faults([Rule(Fault.THROTTLED, times=1)])

    @contextmanager
    def away(self) -> Iterator[None]:
        self.iam.weather.set_outages({"iam": Outage.CLOSED, "sts": Outage.CLOSED})
        yield
        self.iam.weather.set_outages({})

    def settle(self) -> None:
        self.clock.pass_by(self.iam.propagation + self.iam.listing + self.iam.use_shows)

    # more of it

    def fields(self, key: Key) -> Fields:
        return {"access_key_id": Sealed(key.id), "secret_access_key": Sealed(key.secret)}

    def pass_by(self, **time: float) -> None:
        self.clock.pass_by(timedelta(**time))
