"""A company whose secrets are read, and a trail that tells of it when a test wants."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from rotator.contracts.redeployer import Redeployer, Start
from rotator.contracts.trail import Delivery
from rotator.engine.watch import keep_watch, source_of
from rotator.model.access import Access, Act, Asked, Outcome, Principal
from rotator.model.caller import caller
from rotator.model.errors import RotatorError, Transient
from rotator.model.policy import AccessPolicy, Deployment, During, Reader, TrailPolicy
from rotator.model.watch import Sighting
from tests.engine.things import HOUR, MINUTE, environment, policies, policy
from tests.engine.world import World

ACCOUNT = "111122223333"
SOURCE = TrailPolicy(kind="sqs", queue=f"arn:aws:sqs:eu-central-1:{ACCOUNT}:rotator-trail")
API = Deployment(id="production/api", kind="fake", target="api")
#: Longer than late records are waited for: what was read that long ago is judged.
HOLD = 15 * MINUTE


def role(name: str, account: str = ACCOUNT) -> Principal:
    return Principal(f"arn:aws:iam::{account}:role/{name}", "AssumedRole", account, name)


APP, MALLORY, ROTATOR = role("app"), role("mallory"), role("taly-rotator")


class PlayedTrail:
    """Delivers what waits, as often as nobody said that it is recorded."""

    def __init__(self) -> None:
        self.waits: list[Delivery] = []
        self.trouble: RotatorError | None = None
        self.forgotten: list[str] = []

    def poll(self, progress: str) -> Iterator[Delivery]:
        """All that waits."""
        yield from list(self.waits)
        if self.trouble is not None:
            raise self.trouble

    def forget(self, delivery: Delivery) -> None:
        """It waits no more."""
        self.forgotten.append(delivery.receipt)
        self.waits = [one for one in self.waits if one.receipt != delivery.receipt]


class PlayedPlatform:
    """Tells what started."""

    def __init__(self) -> None:
        self.started: list[Start] = []
        self.away = False

    def starts(self, since: datetime) -> Iterator[Start]:
        """Since then."""
        if self.away:
            raise Transient("the cluster does not answer")
        return iter([one for one in self.started if one.at >= since])


@dataclass
class WatchedWorld(World):
    """A world with a trail and a platform."""

    trail: PlayedTrail = field(default_factory=PlayedTrail)
    platform: PlayedPlatform = field(default_factory=PlayedPlatform)

    def redeployer(self, deployment: Deployment) -> Redeployer:
        return cast(Redeployer, self.platform)

    def begins(self, *names: str, readers: tuple[Reader, ...] | None = None, **changes: Any) -> None:
        """These secrets, read by pods of the api, in production; watched from now on, for an hour already."""
        of = [policy(f"production/{name}", {"deployments": (API,)}, **changes) for name in names or ("KEY",)]
        rules = (rule("app", During.DEPLOYMENT), rule("taly-rotator", During.ROTATION))
        access = AccessPolicy(readers=rules if readers is None else readers, source=SOURCE)
        self.today = policies(*of, environments=(environment(account=ACCOUNT),), access=access)
        self.looked()
        self.turn()
        watch = self.journal.watch(source_of(SOURCE))
        assert watch is not None
        before = self.clock.now() - HOUR
        known = {"since": before, "expected": {"production": before}, "starts_since": {API.id: before}}
        self.journal.note_watch(watch.model_copy(update=known), "us")
        self.delivers(self.own_read())

    def allows(self, *readers: Reader) -> None:
        """Somebody adds rules to the policy."""
        access = self.today.access.model_copy(update={"readers": (*self.today.access.readers, *readers)})
        self.today = self.today.model_copy(update={"access": access, "version": secrets.token_hex(4)})

    def reads(self, principal: Principal = MALLORY, *names: str, **changes: Any) -> Access:
        """Somebody reads now, and the trail tells of it when its turn comes."""
        said: dict[str, Any] = {
            "event_id": secrets.token_hex(8),
            "at": self.clock.now().replace(microsecond=0),
            "api": "GetParameter",
            "act": Act.READ,
            "outcome": Outcome.DONE,
            "principal": principal,
            "asked": tuple(Asked(f"/taly/production/{name}", ACCOUNT) for name in names or ("KEY",)),
            "account": ACCOUNT,
            "user_agent": f"Boto3/1.44.5 ua/2.1 {caller(self.journal.installation())}"
            if principal == ROTATOR
            else "Boto3/1.44.5 ua/2.1",
        }
        access = Access(**{**said, **changes})
        self.delivers(access)
        return access

    def delivers(self, *accesses: Access, malformed: tuple[str, ...] = ()) -> None:
        self.trail.waits.append(Delivery(accesses, malformed, receipt=secrets.token_hex(4)))

    def starts(self, ago: timedelta = timedelta(), known_role: str = "app") -> None:
        self.platform.started.append(Start("production/api", known_role, self.clock.now() - ago))

    def watches(self, span: timedelta = timedelta()) -> None:
        """A turn, and one every three minutes while time passes; rotator's own reads are told, too."""
        for _ in range(1 + round(span / (3 * MINUTE))):
            self.turn()
            self.passes(3 * MINUTE)
            self.delivers(self.own_read())

    def own_read(self) -> Access:
        asked = (Asked("/taly/production/rotator/owner", ACCOUNT),)
        at = self.clock.now().replace(microsecond=0)
        how: dict[str, Any] = {"api": "GetParameters", "act": Act.READ, "outcome": Outcome.DONE}
        how["user_agent"] = f"Boto3/1.44.5 ua/2.1 {caller(self.journal.installation())}"
        return Access(secrets.token_hex(8), at, principal=ROTATOR, asked=asked, account=ACCOUNT, **how)

    def turn(self, owner: str = "us") -> None:
        keep_watch(self, self.trail, owner)

    def seen(self, *, unended: bool = True) -> list[Sighting]:
        return list(self.journal.sightings(unended=unended))


def rule(name: str, during: During = During.ALWAYS, **changes: Any) -> Reader:
    return Reader(**{"name": name, "environment": "production", "role": name, "during": during, **changes})
