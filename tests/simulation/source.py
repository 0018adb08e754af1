"""A source: which credentials it accepts, and the adapter that the engine talks to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, TypeVar

from rotator.contracts.guard import CALL_SECONDS, MINT_SECONDS
from rotator.contracts.provider import (
    AtSource,
    LastUsed,
    Liveness,
    Observation,
    Overlap,
    Sight,
    Traits,
)
from rotator.model.errors import CredentialRefused, Refused
from rotator.model.secrets import Credential, Sealed
from tests.simulation import step_contract
from tests.simulation.schedule import EPOCH

if TYPE_CHECKING:
    from tests.simulation.gate import Gate
    from tests.simulation.world import World

T = TypeVar("T")
_AT_ONCE = 45.0  # seconds
LIVE, DISABLED, GONE = "live", "disabled", "gone"
Values = dict[str, str]


@dataclass
class Held:
    """One credential as the source has it."""

    id: str
    values: Values
    maker: str  # seed, rotator or person
    label: str | None = None
    state: str = LIVE
    created_at: float = 0.0
    accepted_from: float = 0.0
    listed_from: float = 0.0
    listed_until: float = float("inf")
    refused_from: float = float("inf")
    used_at: float | None = None
    answered: bool = True  # who asked for it has heard of it
    beside: bool = False  # accepted, and the source signs with another one until this is promoted


@dataclass
class Source:
    """What a source is like and what lives there for one principal."""

    principal: str
    secret: str
    traits: Traits
    fields: tuple[str, ...]
    slots: int | None
    names_credentials: bool  # identify() can tell
    sight_lag: float = 0.0
    held: dict[str, Held] = field(default_factory=dict)
    stragglers: dict[str, float] = field(default_factory=dict)  # credential id -> somebody uses it until then
    minted: int = 0

    def find(self, values: Mapping[str, str]) -> Held | None:
        """The credential with these values, whatever its state."""
        for credential in self.held.values():
            if credential.values == values:
                return credential
        return None

    def accepts(self, values: Mapping[str, str], now: float) -> bool:
        """Whether a login with these values succeeds everywhere."""
        found = self.find(values)
        return found is not None and found.state == LIVE and now >= found.accepted_from

    def signers(self) -> list[Held]:
        """What it signs with."""
        return [held for held in self.held.values() if held.state == LIVE and not held.beside]

    def occupied(self) -> int:
        """Slots in use."""
        return sum(1 for credential in self.held.values() if credential.state != GONE)


@dataclass
class Minted:
    """A mint whose answer has come to a process."""

    id: str
    label: str
    at: float
    gate: Gate


class SimProvider:
    """The Provider contract for one principal, as one process sees it."""

    traits: ClassVar[Traits]  # set on the instance: every simulated source is different

    def __init__(self, world: World, gate: Gate, source: Source) -> None:
        self._world, self._gate, self._source = world, gate, source
        self.traits = source.traits  # type: ignore[misc]  # see above

    @property
    def principal(self) -> str:
        """The source's principal."""
        return self._source.principal

    def observe(self) -> Observation:
        """Lists what is listed by now."""
        return self._read("observe", self._listing)

    def identify(self, current: Mapping[str, Sealed]) -> str | None:
        """The id of the credential with these values."""
        values = _plain(current)

        def found() -> str | None:
            credential = self._source.find(values)
            return credential.id if credential and self._source.names_credentials else None

        return self._read("identify", found)

    def create(self, label: str, predecessor: str | None) -> Credential:
        """Mints, or generates a value that the source is told later."""
        source = self._source
        if not source.traits.mints:
            values = self._world.new_values(source.fields)
            return Credential(f"{source.principal}@{label}", _sealed(values))
        asked = self._world.now
        held = self._effect("create", lambda: self._mint(label), seconds=MINT_SECONDS)
        held.answered = True
        self._world.mints[held.id] = Minted(held.id, label, asked, self._gate)
        return Credential(held.id, _sealed(held.values))

    def activate(self, successor: Credential) -> None:
        """Tells the source a generated value; the same once more is no change."""
        values = _plain(successor.fields)
        self._effect("activate", lambda: self._tell(successor.id, values))

    def verify(self, credential: Credential) -> None:
        """A login."""
        values = _plain(credential.fields)

        def login() -> None:
            now, found = self._world.now, self._source.find(values)
            if found is None or not _still_accepted(found, now):
                raise CredentialRefused(f"{self.principal} refuses {credential.id}")
            found.used_at = now

        self._read("verify", login)

    def disable(self, credential_id: str) -> None:
        """Refused from now on, reversibly."""
        if not self._source.traits.reversible:
            raise Refused("there is no such step here")
        self._effect("disable", lambda: self._take(credential_id, DISABLED))

    def enable(self, credential_id: str) -> None:
        """Takes disable() back."""

        def enabled() -> None:
            found = self._source.held.get(credential_id)
            if found is not None and found.state == DISABLED:
                found.state, found.refused_from = LIVE, float("inf")

        self._effect("enable", enabled)

    def remove(self, credential_id: str) -> None:
        """Gone for good."""
        found = self._source.held.get(credential_id)
        if found is not None and found.maker == "person" and self.traits.labels and found.state == LIVE:
            raise Refused(f"{credential_id} bears a foreign label")
        self._effect("remove", lambda: self._take(credential_id, GONE))

    def last_used(self, credential_id: str) -> LastUsed:
        """Use, as far as this source shows it."""
        return self._read("last_used", lambda: self._use(credential_id))

    # the truth behind it

    def _listing(self) -> Observation:
        source, now = self._source, self._world.now
        seen = tuple(
            AtSource(
                id=held.id,
                liveness=Liveness.DISABLED if held.state == DISABLED else Liveness.LIVE,
                created_at=EPOCH + timedelta(seconds=held.created_at),
                label=held.label if source.traits.labels else None,
            )
            for held in source.held.values()
            if held.listed_from <= now < held.listed_until
        )
        if source.slots is None:
            return Observation(seen)
        free = source.slots - source.occupied()
        return Observation(seen, free, "" if free > 0 else "every slot is taken")

    def _mint(self, label: str) -> Held:
        source, world = self._source, self._world
        step_contract.mint(world, label)
        alone = source.traits.overlap is Overlap.NONE
        if not alone and source.slots is not None and source.occupied() >= source.slots:
            raise Refused("the source has no free slot")
        if alone:
            self._replace_all()
        source.minted += 1
        lag = world.random.random
        held = Held(
            id=f"{source.principal}#{source.minted}",
            values=world.new_values(source.fields),
            maker="rotator",
            label=label,
            created_at=world.now,
            accepted_from=world.now + lag() * 0.8 * source.traits.propagation.total_seconds(),
            listed_from=world.now + lag() * source.traits.listing.total_seconds(),
            answered=False,
            beside=source.traits.promotes,
        )
        source.held[held.id] = held
        world.leftovers.landed(source, held)
        return held

    def _tell(self, credential_id: str, values: Values) -> None:
        source, world = self._source, self._world
        there = source.held.get(credential_id)
        if there is not None and there.values == values and there.state == LIVE:
            return
        if source.traits.overlap is Overlap.NONE:
            self._replace_all()
        elif there is None and source.slots is not None and source.occupied() >= source.slots:
            raise Refused("the source has no free slot")
        lag = 0.8 * source.traits.propagation.total_seconds() * world.random.random()
        if source.traits.overlap is Overlap.NONE:
            lag = 0.0
        told = Held(
            id=credential_id,
            values=values,
            maker="rotator",
            label=credential_id.rpartition("@")[2],
            created_at=world.now,
            accepted_from=world.now + lag,
        )
        source.held[credential_id] = told
        world.leftovers.landed(source, told)

    def _replace_all(self) -> None:
        """A source that accepts one credential only drops what it had."""
        source, world = self._source, self._world
        if any(held.state == LIVE and held.id in world.promises.established for held in source.held.values()):
            world.hours.changes(source.secret, "its only credential is replaced")
        for held in source.held.values():
            _end(world, held, GONE, lag=0.0)

    def _take(self, credential_id: str, state: str) -> None:
        found = self._source.held.get(credential_id)
        if found is None or found.state in {state, GONE}:
            return
        self._world.promises.before_invalidating(self._source, found, state)
        made = self._world.mints.get(credential_id)
        if made is not None and made.gate is self._gate and self._world.now < made.at + _AT_ONCE:
            self._world.mints.pop(credential_id)  # who could not write it down took it back
        lag = 0.8 * self._source.traits.propagation.total_seconds() * self._world.random.random()
        _end(self._world, found, state, lag)

    def _use(self, credential_id: str) -> LastUsed:
        source, world = self._source, self._world
        if source.traits.sight in {Sight.NO, Sight.OURS}:
            return LastUsed(known=False)
        world.note_use(source)
        found = source.held.get(credential_id)
        if found is None:
            return LastUsed()
        if found.used_at is None:
            return LastUsed()
        used = found.used_at
        if source.traits.sight is Sight.LAGGING:
            seen = min(used, world.now - source.sight_lag)
            return LastUsed(at=EPOCH + timedelta(seconds=seen))
        return LastUsed(at=EPOCH + timedelta(seconds=used), now=used >= world.now, by="a session")

    def _read(self, name: str, look: Callable[[], T]) -> T:
        return self._gate.io(f"provider.{name}", look, of=self.principal)

    def _effect(self, name: str, effect: Callable[[], T], seconds: float = CALL_SECONDS) -> T:
        return self._gate.io(f"provider.{name}", effect, of=self.principal, guarded=seconds)


def _end(world: World, held: Held, state: str, lag: float) -> None:
    if held.state == GONE:
        return
    if held.state == LIVE:
        held.refused_from = world.now + lag
    held.state = state
    if state == GONE:
        held.listed_until = max(held.refused_from, world.now) if lag else world.now


def _still_accepted(held: Held, now: float) -> bool:
    return held.accepted_from <= now < held.refused_from


def _plain(fields: Mapping[str, Sealed]) -> Values:
    return {name: value.reveal() for name, value in fields.items()}


def _sealed(values: Values) -> dict[str, Sealed]:
    return {name: Sealed(value) for name, value in values.items()}
