"""A small world for the engine's tests: the real journal in memory, a store in memory, a source and people."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, cast

from rotator.contracts.journal import Told
from rotator.contracts.provider import (
    AtSource,
    LastUsed,
    Liveness,
    Observation,
    Overlap,
    Provider,
    Sight,
    Traits,
)
from rotator.contracts.redeployer import Redeployer
from rotator.contracts.sealer import Sealer
from rotator.contracts.store import Mirror, SecretStore
from rotator.engine.alerts import keep_alerts
from rotator.engine.decisions import decisions
from rotator.engine.settings import Bounds
from rotator.engine.standing import Decision
from rotator.journal import MemoryJournal
from rotator.model.alerts import Alert, AlertKind, Receipt
from rotator.model.errors import Transient
from rotator.model.observations import Observed, Surveyed
from rotator.model.policy import Deployment, Policies, Recipe
from rotator.model.rotation import Death, Phase, Rotation
from rotator.model.secrets import Credential, ParameterAge, Sealed
from rotator.testing.journal_contract.rows import opens
from rotator.testing.memory_mirror import MemoryMirror, MemoryPlace
from rotator.testing.memory_store import MemoryParameters, MemoryStore
from rotator.testing.virtual_clock import VirtualClock
from tests.delivery import deliver_due

KINDS = {"labels": True, "death": Death.TRIED, "sight": Sight.YES, "mints": True, "reversible": True}


class Source:
    """Credentials of one principal, as a provider lists them; values are named like ids."""

    traits: ClassVar[Traits] = Traits(overlap=Overlap.MANY, **KINDS)  # type: ignore[arg-type]  # of mixed kinds

    def __init__(self, principal: str) -> None:
        self.principal = principal
        self.listed: list[AtSource] = []
        self.trouble: Exception | None = None

    def has(self, *ids: str, label: str | None = None, created_at: datetime | None = None) -> None:
        """These live there too."""
        self.listed += [AtSource(one, Liveness.LIVE, created_at, label) for one in ids]

    def observe(self) -> Observation:
        """What lives there."""
        if self.trouble is not None:
            raise self.trouble
        return Observation(tuple(self.listed))

    def identify(self, current: Mapping[str, Sealed]) -> str | None:
        """The value is the id."""
        return current["value"].reveal()

    def create(self, label: str, predecessor: str | None) -> Credential:
        """Nothing in these tests makes a credential."""
        raise AssertionError

    activate = verify = disable = enable = create

    def remove(self, credential_id: str) -> None:
        """The census never does."""
        raise AssertionError(f"{credential_id} was removed")

    def last_used(self, credential_id: str) -> LastUsed:
        """Nobody asks."""
        raise AssertionError


class Unlabelled(Source):
    """A source that keeps no labels."""

    traits: ClassVar[Traits] = Traits(overlap=Overlap.MANY, **{**KINDS, "labels": False})  # type: ignore[arg-type]  # of mixed kinds


class Store(MemoryStore):
    """A store that can be away."""

    trouble: Exception | None = None

    def ages(self, prefix: str) -> Iterator[ParameterAge]:
        """The parameters, page by page."""
        if self.trouble is not None:
            raise self.trouble
        yield from super().ages(prefix)


class Channel:
    """People who read: what arrived at which address, in order."""

    def __init__(self) -> None:
        self.read: list[tuple[str, Alert]] = []
        self.away: set[str] = set()
        self.earlier: list[Receipt | None] = []

    def deliver(self, alert: Alert, address: str, earlier: Receipt | None) -> Receipt:
        """Arrives, or not."""
        if address in self.away:
            raise Transient(f"{address} does not answer")
        self.read.append((address, alert))
        self.earlier.append(earlier)
        return Receipt(data={"number": str(len(self.read))})


class Meanwhile(Channel):
    """While it takes a message, another replica looks, and finds nothing to tell."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world, self._channels = world, {"slack": world.slack}

    def deliver(self, alert: Alert, address: str, earlier: Receipt | None) -> Receipt:
        """Arrives, and was told once."""
        assert deliver_due(self._world, self._channels, "the other", Bounds()) == 0
        return super().deliver(alert, address, earlier)


@dataclass
class World:
    """Parts, and everything that tests turn."""

    clock: VirtualClock
    journal: MemoryJournal
    today: Policies
    sources: dict[str, Source] = field(default_factory=dict)
    stores: dict[str, Store] = field(default_factory=dict)
    mirrors: dict[str, MemoryMirror] = field(default_factory=dict)
    slack: Channel = field(default_factory=Channel)
    email: Channel = field(default_factory=Channel)
    refusals: dict[str, Exception] = field(default_factory=dict)
    rejected: str = ""
    yes_wanted: str = ""
    bounds: Bounds = field(default_factory=Bounds)
    ids: int = 0

    def __post_init__(self) -> None:
        self.parameters = MemoryParameters(self.clock)

    # Parts

    @property
    def sealer(self) -> Sealer:
        """Nothing is sealed here."""
        raise AssertionError

    def new_id(self) -> str:
        """rot-1, rot-2, …"""
        self.ids += 1
        return f"rot-{self.ids}"

    def policies(self) -> Policies:
        """Today's policy."""
        return self.today

    def provider(self, recipe: Recipe) -> Provider:
        """The secret's source."""
        if recipe.secret in self.refusals:
            raise self.refusals[recipe.secret]
        source = self.sources.setdefault(recipe.secret, Source(f"fake:{recipe.secret}"))
        return cast(Provider, source)

    def store(self, environment: str) -> SecretStore:
        """The environment's parameters."""
        made = Store(self.parameters, f"/taly/{environment}", self.journal.installation())
        return self.stores.setdefault(environment, made)

    def mirror(self, environment: str, name: str) -> Mirror:
        """A place for copies."""
        return self.mirrors.setdefault(name, MemoryMirror(MemoryPlace(self.clock)))

    def redeployer(self, deployment: Deployment) -> Redeployer:
        """None here."""
        raise AssertionError

    # what tests do

    def put(self, name: str, value: str = "current", by: str = "terraform") -> int:
        """Somebody writes a parameter now."""
        return self.parameters.put(name, Sealed(value), by)

    def away(self, environment: str, trouble: Exception | None) -> None:
        """The environment's store answers with this; None: it answers again."""
        self.store(environment)
        self.stores[environment].trouble = trouble

    def has(self, row: Rotation) -> Rotation:
        """The journal holds this rotation, the latest of its secret."""
        latest = row.model_copy(update={"opened_at": max(row.opened_at, self.clock.now())})
        assert opens(self.journal, latest, Told("opened", ""))
        return latest

    def becomes(self, rotation_id: str, **changes: Any) -> None:
        """A worker brought an active rotation so far."""
        self.journal.wake(rotation_id)
        rows = self.journal.claim_rotations("worker", 100, Phase, timedelta(seconds=60))
        for row in rows:
            changed = row.model_copy(update=changes if row.id == rotation_id else {})
            self.journal.checkpoint(row, changed, release=True)

    def looked(self, *secrets: Observed, agreed: bool = True) -> None:
        """The last scan saw this."""
        self.journal.note_observed(secrets)
        for name in self.today.environments:
            survey = Surveyed(environment=name, scanned_at=self.clock.now(), agreed=agreed)
            self.journal.note_surveyed(survey)

    def stands(self, secret: str = "production/KEY") -> Decision:
        """How a secret stands now."""
        return decisions(self.journal, self.today)[secret].decision

    def holds(self, rejected: str, yes_wanted: str) -> None:
        """A policy that waits for a yes."""
        self.rejected, self.yes_wanted = rejected, yes_wanted

    def passes(self, span: timedelta) -> None:
        """Time goes by."""
        self.clock.sleep(span.total_seconds())

    def tell(self) -> int:
        """What the daemon does every few seconds, twice, with group_wait in between. How many messages went out."""
        before = len(self.slack.read) + len(self.email.read)
        for _ in range(2):
            keep_alerts(self, self.rejected, self.bounds, yes_wanted=self.yes_wanted)
            self.deliver()
            self.passes(timedelta(seconds=31))
        self.deliver()
        return len(self.slack.read) + len(self.email.read) - before

    def deliver(self) -> int:
        """The outbox's turn."""
        return deliver_due(self, {"slack": self.slack, "email": self.email}, "us", self.bounds)

    def open_alerts(self) -> dict[AlertKind, Alert]:
        """Alerts that are open in the journal, by kind."""
        return {row.alert.kind: row.alert for row in self.journal.alerts() if not row.alert.closed}

    def news(self) -> list[str]:
        """What Slack has read since the last time, one line a message."""
        told = [_line(alert) for _, alert in self.slack.read]
        self.slack.read.clear()
        return told

    @contextlib.contextmanager
    def without(self, *addresses: str) -> Iterator[None]:
        """These addresses are away."""
        channels = (self.slack, self.email)
        for channel in channels:
            channel.away |= set(addresses)
        yield
        for channel in channels:
            channel.away -= set(addresses)


def _line(alert: Alert) -> str:
    if alert.closed:
        return f"over: {alert.title}: {alert.closing}"
    return f"{alert.severity.name.lower()}: {alert.title}"
