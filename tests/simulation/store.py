"""Parameters with versions, and mirrors; and the adapters that the engine talks to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from rotator.contracts.guard import CALL_SECONDS
from rotator.contracts.store import Change, Look
from rotator.model.errors import Drifted, ForeignOwner, Raced, Refused
from rotator.model.secrets import Owner, ParameterAge, Sealed, StoredValue
from tests.simulation import step_contract
from tests.simulation.schedule import EPOCH

if TYPE_CHECKING:
    from tests.simulation.gate import Gate
    from tests.simulation.world import World

T = TypeVar("T")


@dataclass
class Parameter:
    """One parameter; `values[n]` is version n+1."""

    values: list[str]
    modified_at: float
    modified_by: str

    @property
    def version(self) -> int:
        """The newest version."""
        return len(self.values)

    @property
    def value(self) -> str:
        """The newest value."""
        return self.values[-1]


@dataclass
class Parameters:
    """The store of one environment."""

    environment: str
    by_name: dict[str, Parameter] = field(default_factory=dict)
    mirrored: dict[str, str] = field(default_factory=dict)
    owner: Owner | None = None

    def put(self, name: str, value: str, now: float, by: str) -> int:
        """Overwrites, as SSM does: there is no compare-and-swap."""
        parameter = self.by_name.setdefault(name, Parameter([], now, by))
        parameter.values.append(value)
        parameter.modified_at, parameter.modified_by = now, by
        return parameter.version


class SimStore:
    """The SecretStore contract, as one process sees one environment."""

    def __init__(self, world: World, gate: Gate, environment: str) -> None:
        self._world, self._gate = world, gate
        self._there = world.stores[environment]
        self._of = f"store of {environment}"

    def ages(self, prefix: str) -> Iterator[ParameterAge]:
        """Metadata of everything below `prefix`."""
        return iter(self._read("ages", lambda: self._ages(prefix)))

    def read(self, name: str) -> StoredValue:
        """Value and version."""

        def found() -> StoredValue:
            parameter = self._there.by_name.get(name)
            if parameter is None:
                raise Refused(f"there is no parameter {name}")
            return StoredValue(Sealed(parameter.value), parameter.version)

        return self._read("read", found)

    def look(self, names: Iterable[str]) -> Look:
        """Several at one moment."""
        wanted = tuple(names)

        def found() -> Look:
            there = {name: self._there.by_name.get(name) for name in wanted}
            return {name: StoredValue(Sealed(one.value), one.version) for name, one in there.items() if one}

        return self._read("read", found)

    def edit(self, name: str, change: Change, beside: Iterable[str] = ()) -> int:
        """What is made of one look."""
        wanted = (name, *beside)
        there = self.look(wanted)
        for one in wanted:
            if one not in there:
                raise Refused(f"there is no parameter {one}")
        value, version = change(there), there[name].version
        return version if value == there[name].value else self._put_after(name, value, version)

    def write(self, name: str, value: Sealed, after: int | None) -> int:
        """Looks, then puts; what happened in between shows in the version."""
        there = self.read(name)
        if self.written_already(name, there, value, after):
            return there.version
        if there.version != after:
            raise Drifted(name, after, there.version)
        return self._put_after(name, value, there.version)

    def written_already(self, name: str, there: StoredValue, value: Sealed, after: int | None) -> bool:
        """Whether an earlier try of this very write has landed, once or more often, and nothing else since."""
        if after is None or there.version <= after:
            return False
        return all(one == value.reveal() for one in self._there.by_name[name].values[after : there.version])

    def check_writable(self, name: str, largest: int) -> None:
        """Any value fits."""
        self._read("check_writable", lambda: largest)

    def owner(self, path: str) -> Owner | None:
        """Who owns the environment."""
        return self._read("owner", lambda: self._there.owner)

    def claim_owner(self, path: str, owner: Owner, instead_of: Owner | None) -> None:
        """Writes the owner."""

        def claimed() -> None:
            there = self._there.owner
            if there != instead_of and (there is None or there.installation != owner.installation):
                raise ForeignOwner("another installation came first")
            self._there.owner = owner

        self._gate.io("store.claim_owner", claimed, of=self._of, guarded=CALL_SECONDS)

    def _put_after(self, name: str, value: Sealed, looked_at: int) -> int:
        self._world.tempt(name)
        put = partial(self._put, name, value, looked_at)
        version = self._gate.io("store.put", put, of=self._of, guarded=CALL_SECONDS)
        expected = version == looked_at + 1
        if not expected and not self.written_already(name, StoredValue(value, version), value, looked_at):
            raise Raced(name, looked_at, version)
        return version

    def _put(self, name: str, value: Sealed, looked_at: int) -> int:
        plain, world = value.reveal(), self._world
        world.promises.before_put(self._there.environment, name, plain)
        step_contract.put(world, name, plain, looked_at, self._there.by_name.get(name))
        return self._there.put(name, plain, world.now, "rotator")

    def _ages(self, prefix: str) -> list[ParameterAge]:
        return [
            ParameterAge(
                name,
                parameter.version,
                EPOCH + timedelta(seconds=parameter.modified_at),
                parameter.modified_by,
            )
            for name, parameter in sorted(self._there.by_name.items())
            if name.startswith(prefix)
        ]

    def _read(self, name: str, look: Callable[[], T]) -> T:
        return self._gate.io(f"store.{name}", look, of=self._of)


class SimMirror:
    """The Mirror contract: write-only."""

    def __init__(self, world: World, gate: Gate, environment: str, name: str) -> None:
        self._there, self._gate, self._of = world.stores[environment], gate, f"mirror {name}"

    def write(self, name: str, value: Sealed) -> None:
        """Writes a copy."""

        def written() -> None:
            self._there.mirrored[name] = value.reveal()

        self._gate.io("mirror.write", written, of=self._of, guarded=CALL_SECONDS)

    def stale(self, name: str, since: object) -> bool | None:
        """This mirror cannot tell."""
        return self._gate.io("mirror.stale", lambda: None, of=self._of)
