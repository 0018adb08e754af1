"""A store in memory that keeps every promise of SecretStore, with switches for what a far side does to its callers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from rotator.contracts.clock import Clock
from rotator.contracts.guard import guard
from rotator.contracts.store import Change, Look
from rotator.model.errors import Drifted, Raced, Refused, Transient
from rotator.model.references import owner_parameter
from rotator.model.secrets import Owner, ParameterAge, Sealed, StoredValue
from rotator.stores.owner import foreign, parsed, written

LARGEST_VALUE = 4096


@dataclass(frozen=True, slots=True)
class MemoryParameter:
    """The newest version of one parameter."""

    value: Sealed
    version: int
    modified_at: datetime
    modified_by: str
    kind: str = "SecureString"
    metadata: str = ""
    earlier: tuple[Sealed, ...] = ()  # the values of the versions before it, oldest first


@dataclass(slots=True)
class MemoryParameters:
    """The far side: what all stores of one account see."""

    clock: Clock
    parameters: dict[str, MemoryParameter] = field(default_factory=dict)
    reads: int = 0

    def put(
        self, name: str, value: Sealed, by: str, kind: str = "SecureString", metadata: str | None = None
    ) -> int:
        """Writes the next version, whoever asks; metadata that is not given is lost."""
        there = self.parameters.get(name)
        version = there.version + 1 if there else 1
        earlier = (*there.earlier, there.value) if there else ()
        self.parameters[name] = MemoryParameter(
            value, version, self.clock.now(), by, kind, metadata or "", earlier
        )
        return version


class MemoryStore:
    """The parameters below `path` as `installation` sees them."""

    def __init__(self, parameters: MemoryParameters, path: str, installation: str) -> None:
        self._far, self._path, self._installation = parameters, path, installation
        self._lost_answers = 0
        self._throttled = 0
        self._interference: list[tuple[str, Sealed]] = []

    # switches

    def lose_next_answer(self) -> None:
        """The next write takes effect, and its answer is lost."""
        self._lost_answers += 1

    def throttle_next(self) -> None:
        """The next write is turned away."""
        self._throttled += 1

    def interfere(self, name: str, value: Sealed) -> None:
        """Somebody else writes between the next write's look and its effect."""
        self._interference.append((name, value))

    # SecretStore

    def ages(self, prefix: str) -> Iterator[ParameterAge]:
        """Metadata of every parameter below `prefix`."""
        for name, held in sorted(self._far.parameters.items()):
            if name.startswith(f"{prefix}/"):
                yield ParameterAge(name, held.version, held.modified_at, held.modified_by, held.kind)

    def read(self, name: str) -> StoredValue:
        """The value and its version. Raises Refused when there is no such parameter."""
        self._far.reads += 1
        held = self._far.parameters.get(name)
        if held is None:
            raise Refused(f"there is no parameter {name}")
        return StoredValue(held.value, held.version)

    def look(self, names: Iterable[str]) -> Look:
        """Those that exist."""
        there = {name: self._far.parameters.get(name) for name in names}
        self._far.reads += len(there)
        return {
            name: StoredValue(held.value, held.version) for name, held in there.items() if held is not None
        }

    def write(self, name: str, value: Sealed, after: int | None) -> int:
        """Writes the value as the version after `after`; see SecretStore."""
        self._must_be_ours()
        held, following = self._far.parameters.get(name), (after or 0) + 1
        if held and held.value == value and _only(value, held, after):
            return held.version
        if (held.version if held else None) != after:
            raise Drifted(name, after, held.version if held else None)
        _must_hold(name, value.size, held)
        wrote = self._put(name, value, held.metadata if held else "")
        if wrote != following and not _only(value, self._far.parameters[name], after):
            raise Raced(name, after, wrote)
        return wrote

    def edit(self, name: str, change: Change, beside: Iterable[str] = ()) -> int:
        """Writes what `change` makes of one look; see SecretStore."""
        self._must_be_ours()
        wanted = (name, *beside)
        there = self.look(wanted)
        for one in wanted:
            if one not in there:
                raise Refused(f"there is no parameter {one}")
        value, version = change(there), there[name].version
        return version if value == there[name].value else self.write(name, value, version)

    def check_writable(self, name: str, largest: int) -> None:
        """Raises Refused when a value of `largest` bytes could not be written to `name`. Writes nothing."""
        self._must_be_ours()
        held = self._far.parameters.get(name)
        if held is None:
            raise Refused(f"there is no parameter {name}")
        _must_hold(name, largest, held)

    def owner(self, path: str) -> Owner | None:
        """Who owns the environment below `path`."""
        name = owner_parameter(path)
        held = self._far.parameters.get(name)
        return parsed(held.value.reveal(), name) if held else None

    def claim_owner(self, path: str, owner: Owner, instead_of: Owner | None) -> None:
        """Writes the owner. Raises ForeignOwner when the one there is not `instead_of` any more."""
        there = self.owner(path)
        if there is not None and there.installation != owner.installation and there != instead_of:
            raise foreign(there, path)
        guard()
        self._far.put(owner_parameter(path), Sealed(written(owner)), owner.installation, kind="String")

    # writing

    def _must_be_ours(self) -> None:
        owner = self.owner(self._path)
        if owner and owner.installation != self._installation and owner.lives(self._far.clock.now()):
            raise foreign(owner, self._path)

    def _put(self, name: str, value: Sealed, metadata: str) -> int:
        if self._interference:
            self._far.put(*self._interference.pop(), by="someone else", metadata=metadata)
        if self._throttled:
            self._throttled -= 1
            raise Transient(f"the store is asked too often and did not write {name}; nothing was changed")
        guard()
        version = self._far.put(name, value, by=self._installation, metadata=metadata)
        if self._lost_answers:
            self._lost_answers -= 1
            raise Transient(f"the store did not answer when asked to write {name}")
        return version


def _only(value: Sealed, held: MemoryParameter, after: int | None) -> bool:
    """Whether every version between `after` and the newest, which is newer, held this very value."""
    return held.version > (after or 0) and all(one == value for one in held.earlier[after or 0 :])


def _must_hold(name: str, size: int, held: MemoryParameter | None) -> None:
    if held is not None and held.kind != "SecureString":
        raise Refused(f"{name} is a {held.kind}; nothing was written")
    if not 0 < size <= LARGEST_VALUE:
        raise Refused(f"{name}: the value has {size} bytes; nothing was written")
