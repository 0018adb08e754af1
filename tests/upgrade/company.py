"""A company around a journal: sources, a store, workloads and people, all in memory and in virtual time.

It outlives the process that is upgraded, as the real world does. After every turn each consumer uses what it has read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from rotator.contracts.journal import Journal
from rotator.contracts.provider import Overlap, Provider
from rotator.contracts.sealer import Sealer
from rotator.engine.alerts import keep_alerts
from rotator.engine.ownership import hold_environments
from rotator.engine.record import sign_record
from rotator.engine.requests import carry_out_requests
from rotator.engine.scan import open_due, survey
from rotator.engine.settings import Bounds
from rotator.engine.worker import Worker
from rotator.model.alerts import Alert, Receipt
from rotator.model.errors import Transient
from rotator.model.policy import Deployment, EnvironmentPolicy, OwnerPolicy, Policies, Recipe
from rotator.model.rotation import Rotation, State
from rotator.model.secrets import AcceptedSet, Sealed, StoredValue
from rotator.providers.token import Token
from rotator.testing.hostile_source import HostileSource
from rotator.testing.memory_platform import (
    Fate,
    MemoryInstance,
    MemoryPlatform,
    MemoryRedeployer,
    MemoryRollout,
    MemoryWeather,
)
from rotator.testing.memory_store import MemoryParameters, MemoryStore
from rotator.testing.surroundings import surroundings
from rotator.testing.virtual_clock import VirtualClock
from tests.delivery import deliver_due
from tests.upgrade.by_hand import HandSource, end_what_is_asked_for
from tests.upgrade.places import PLACES, SHARED, Place
from tests.upgrade.policy import PATH, parameters_of, policy_of


class Store(MemoryParameters):
    """The parameters; workloads that start read them."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(clock)
        self.read_by: dict[str, dict[str, StoredValue]] = {}  # parameter -> what its workload finds

    def put(self, name: str, *arguments: Any, **options: Any) -> int:
        """Writes, and shows it to whoever starts from now on."""
        version = super().put(name, *arguments, **options)
        self.shown(name)
        return version

    def shown(self, name: str) -> None:
        """Whoever starts from now on reads the newest version."""
        if name in self.read_by:
            there = self.parameters[name]
            self.read_by[name][name] = StoredValue(there.value, there.version)


class Platform(MemoryPlatform):
    """Where one workload runs."""

    fate = Fate.FINE  # of its newest rollout

    def _steps(self, rollout: MemoryRollout, older: list[MemoryInstance], fate: Fate) -> Iterator[None]:
        self.fate = fate
        return super()._steps(rollout, older, fate)


class People:
    """They read what they are told."""

    def __init__(self) -> None:
        self.told: dict[str, Alert] = {}

    def deliver(self, alert: Alert, address: str, earlier: Receipt | None) -> Receipt:
        """Read at once."""
        self.told[alert.identity] = alert
        return earlier or Receipt(data={"to": address})


class Company:
    """Everything outside the journal, and the Parts of whoever works on it."""

    def __init__(
        self, clock: VirtualClock, sealer: Sealer, journal: Journal, places: Iterable[Place] = PLACES
    ) -> None:
        self.clock, self.sealer, self.journal = clock, sealer, journal
        self.places = {place.secret: place for place in places}
        self.today = Policies(
            version="1",
            environments={
                "production": EnvironmentPolicy(name="production", path=PATH, region="eu-central-1")
            },
            secrets={place.secret: policy_of(place) for place in self.places.values()},
            owners={"ops": OwnerPolicy(name="ops", addresses={"slack": "#ops"})},
            default_owner="ops",
        )
        self.parameters = Store(clock)
        self.sources = {
            place.secret: (HandSource if place.kind.submitted else HostileSource)(
                place.kind, clock, fields=tuple(policy_of(place).recipe.fields), slots=_slots(place)
            )
            for place in self.places.values()
            if place.kind is not SHARED
        }
        self.platforms: dict[str, Platform] = {}
        self.stragglers: set[str] = set()  # secrets whose first credential somebody goes on using
        self.people = People()
        self.hands = False  # whether people end what they are asked to
        self.bounds = Bounds()
        self._ids = 0

    # Parts

    def new_id(self) -> str:
        """An id that nobody has used."""
        self._ids += 1
        return f"rot-{self.clock.monotonic():.0f}-{self._ids}"

    def policies(self) -> Policies:
        """Today's."""
        return self.today

    def provider(self, recipe: Recipe) -> Provider:
        """The source's adapter."""
        around = surroundings(environment="production", clock=self.clock)
        if recipe.secret in self.sources:
            return self.sources[recipe.secret].adapter()(recipe, around)
        return Token(recipe, around)

    def store(self, environment: str) -> MemoryStore:
        """The store, as this installation sees it."""
        return MemoryStore(self.parameters, f"/taly/{environment}", self.journal.installation())

    def mirror(self, environment: str, name: str) -> Any:
        """There are none."""
        raise AssertionError(f"no mirror {name} in {environment}")

    def redeployer(self, deployment: Deployment) -> MemoryRedeployer:
        """The platform of one workload."""
        return MemoryRedeployer(self.platforms[deployment.id], deployment.id, MemoryWeather())

    # what happens

    def begin(self, ago: timedelta) -> None:
        """The first credentials, made so long ago, and workloads that use them."""
        for place in self.places.values():
            recipe = policy_of(place).recipe
            source = self.sources.get(place.secret)
            fields = source.somebody_makes().fields if source else {"value": _first_value(self, recipe)}
            for field, name in recipe.fields.items():
                self.parameters.put(name, fields[field], by="terraform")
            if recipe.accepted_as and place.name != "YOUNG":
                strangers = [_first_value(self, recipe) for _ in range(place.strangers)]
                members = AcceptedSet([fields["value"], *strangers]).sealed()
                self.parameters.put(recipe.accepted_as, members, by="rotator prepare")
        self.clock.pass_by(ago)
        self.found_workloads()

    def found_workloads(self) -> None:
        """Platforms whose instances read what the store holds."""
        for workload, names in self.names_of().items():
            found = {name: self._stored(name) for name in names if name in self.parameters.parameters}
            for name in names:
                self.parameters.read_by[name] = found
            fates = [
                fate for place in self.places.values() if place.reads == workload for fate in place.fates
            ]
            self.platforms[workload] = Platform(
                self.clock, workload, found, fates=fates, _stepped=self.clock.monotonic()
            )

    def names_of(self) -> Mapping[str, list[str]]:
        """The parameters of each workload."""
        names: dict[str, list[str]] = {}
        for place in self.places.values():
            names.setdefault(place.reads, []).extend(parameters_of(policy_of(place).recipe))
        return names

    def turn(self, workers: Iterable[Worker]) -> None:
        """What daemons do now, and then some time passes: until the next row is due, or a little."""
        for job in (hold_environments, survey, sign_record, carry_out_requests, open_due):
            job(self)
        for worker in workers:
            while worker.work():
                self.use()
        if self.hands:
            end_what_is_asked_for(self.sources, self.journal.rotations(unfinished=True))
        keep_alerts(self)
        deliver_due(self, {"slack": self.people}, "people", self.bounds)
        self.use()
        due = [row.run_at for row in self.journal.rotations(unfinished=True) if row.state is State.ACTIVE]
        soon = min(due, default=self.clock.now()) - self.clock.now()
        self.clock.pass_by(min(max(soon, timedelta(seconds=2)), timedelta(minutes=1)))

    def use(self) -> None:
        """P1: every instance uses what it has read, and it is accepted."""
        for platform in self.platforms.values():
            platform.catch_up()
        for secret in self.stragglers:
            self.sources[secret].held[0].last_used = self.clock.now()
        for place in self.places.values():
            recipe = policy_of(place).recipe
            held = [one.read for one in self.platforms[place.reads].living]
            current = {name: self._stored(name) for name in parameters_of(recipe) if self._there(name)}
            if recipe.accepted_as is None:
                for read in [*held, current]:
                    self._log_in(place, {field: read[name].value for field, name in recipe.fields.items()})
                continue
            signers = [read[recipe.fields["value"]].value for read in [*held, current]]
            for read in [*held, current]:
                if recipe.accepted_as in read:
                    accepted = AcceptedSet.parse(read[recipe.accepted_as].value)
                    assert all(value in accepted for value in signers), f"{place.name}: a token is refused"

    def _log_in(self, place: Place, fields: Mapping[str, Sealed]) -> None:
        source = self.sources[place.secret]
        accepted = source.accepts(fields)
        torn = len(fields) > 1 and source.find(fields) is None
        assert accepted or torn or source.traits.overlap is Overlap.NONE, f"{place.name}: a login is refused"

    def _stored(self, name: str) -> StoredValue:
        there = self.parameters.parameters[name]
        return StoredValue(there.value, there.version)

    def _there(self, name: str) -> bool:
        return name in self.parameters.parameters

    def rotation_of(self, place: Place) -> Rotation | None:
        """The one of its rotations that is caught."""
        rows = self.journal.rotations(secret=place.secret)
        return rows[-place.which] if len(rows) >= place.which else None

    def silence(self, place: Place) -> None:
        """Once its source was told a value, it gives no answer any more, until `answer`."""
        told = list[str]()

        def io(moment: str) -> None:
            if moment == "activate:after":
                told.append(moment)
            if told and moment.startswith("verify"):
                raise Transient("the source gives no answer")

        self.sources[place.secret].io = io

    def loses(self, place: Place, moment: str, trouble: Transient) -> None:
        """At that moment its source is not heard of any more."""

        def io(now: str) -> None:
            if now == moment:
                raise trouble

        self.sources[place.secret].io = io

    def write_again(self, place: Place) -> None:
        """Somebody writes its value once more: it looks young."""
        for name in policy_of(place).recipe.fields.values():
            self.parameters.put(name, self._stored(name).value, by="terraform")

    def place(self, name: str) -> Place:
        """By its name."""
        return self.places[f"production/{name}"]


def _slots(place: Place) -> int | None:
    return 2 if place.name == "PARKED_FULL" else None


def _first_value(company: Company, recipe: Recipe) -> Sealed:
    return company.provider(recipe).create("first", None).fields["value"]
