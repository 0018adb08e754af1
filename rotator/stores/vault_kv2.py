"""Vault's key-value store, version 2: parameters as secrets of one key, for consumers that read Vault.

Vault has compare-and-swap, so a race cannot happen: a write that somebody came before is refused by Vault, and raises
Drifted. A look at several parameters is one call for each of them, and only the one that is written is guarded; so
what stands beside it may be a moment older.

Metadata belongs to the secret and not to its versions: no write touches it. A parameter that custom metadata calls
`kind: String` is no secret, and never written over. A secret's other keys stay in it.

The owner parameter is a secret like the others, marked as `kind: String`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, ClassVar

from pydantic import field_validator

from rotator.contracts.adapter import Surroundings
from rotator.contracts.options import AdapterOptions
from rotator.contracts.store import Change, Look
from rotator.model.errors import Drifted, Refused, Transient
from rotator.model.once import once
from rotator.model.policy import EnvironmentPolicy
from rotator.model.references import owner_parameter
from rotator.model.secrets import Owner, ParameterAge, Sealed, StoredValue
from rotator.stores.owner import foreign, must_be_free, must_not_be_foreign, parsed, written
from rotator.vault.access import LARGEST_BYTES, Auth, Mount, Name
from rotator.vault.placement import Placement, wrong_with

if TYPE_CHECKING:
    from rotator.vault.kv2 import Kv2, Secret

#: So many may have frozen in the middle of one write and woken up one after the other.
LATE_WORKERS = 5
_SECRET, _PUBLIC = "SecureString", "String"


class VaultKv2:
    """The parameters of one environment at one mount.

    `installation` is who we are; writes are refused while another living installation owns the environment. Vault has
    no quota unless somebody set one, so `writes_per_second` only keeps an emergency from crowding out consumers.
    """

    needs: ClassVar[str] = "a policy of Vault's on data and metadata"
    tried_on: ClassVar[str] = "OpenBao 2.7"

    #: Blanks that `path` may have beside {env}.
    placeholders: ClassVar[frozenset[str]] = frozenset({"{name}", "{tenant}"})

    class Options(AdapterOptions):
        """By default `/taly/production/NAME` stands at `taly/production/NAME` of the mount."""

        auth: Auth  # token, approle or kubernetes
        mount: Mount = "secret"  # where the key-value store is
        path: str | None = None  # folders and {name}, with {tenant} where they are kept apart
        tenant: Name | None = None  # whose a parameter is that stands in no folder
        key: Name = "value"  # under which the value stands in a secret

        @field_validator("path")
        @classmethod
        def _can_be_filled_in(cls, path: str | None) -> str | None:
            if path is not None and (trouble := wrong_with(path)):
                raise ValueError(trouble)
            return path

    def __init__(
        self,
        environment: EnvironmentPolicy,
        around: Surroundings,
        installation: str,
        writes_per_second: float = 50.0,
    ) -> None:
        self._options = self._chosen(environment)
        self._environment, self._around, self._installation = environment, around, installation
        self._writes_per_second = writes_per_second
        self._placement = _placement(environment, self._options)

    @classmethod
    def _chosen(cls, environment: EnvironmentPolicy) -> Options:
        settings = environment.settings.get("vault-kv2", {})
        return cls.Options.taken_from(settings, f"the environment {environment.name}")

    @classmethod
    def place(cls, environment: EnvironmentPolicy, name: str) -> str:
        """Where a parameter stands, in words that no other place has. Raises Refused for a name that has none."""
        options = cls._chosen(environment)
        return f"Vault's {options.mount}: {_placement(environment, options).place(name)}"

    def ages(self, prefix: str) -> Iterator[ParameterAge]:
        """Metadata of every parameter below `prefix`: one call for each, no value is read."""
        named = self._placement.reader()
        for path in self._kv.paths(self._placement.folder):
            name = named(path)
            if name is None or not name.startswith(f"{prefix}/"):
                continue
            metadata = self._kv.metadata(path)
            if metadata is not None and metadata.written_at is not None:
                kind = metadata.custom.get("kind", _SECRET)
                yield ParameterAge(name, metadata.version, metadata.written_at, kind=kind)

    def read(self, name: str) -> StoredValue:
        """The value and its version. Raises Refused when there is no such parameter."""
        found = self._stored(name, self._secret(name))
        if found is None:
            raise Refused(f"Vault has no parameter {name} (at {self._placement.place(name)})")
        return found

    def look(self, names: Iterable[str]) -> Look:
        """Those that exist: one call for each."""
        found = {name: self._stored(name, self._secret(name)) for name in names}
        return {name: stored for name, stored in found.items() if stored is not None}

    def write(self, name: str, value: Sealed, after: int | None) -> int:
        """Writes the value as the version after `after`; see SecretStore. Never raises Raced."""
        self._wait_for_turn()
        self._must_be_ours()
        there = self._secret(name)
        stored = self._stored(name, there)
        if stored and stored.value == value and self._only_ours(name, value, after or 0, stored.version):
            return stored.version
        if (stored.version if stored else None) != after:
            raise Drifted(name, after, stored.version if stored else None)
        return self._put(name, value, there)

    def edit(self, name: str, change: Change, beside: Iterable[str] = ()) -> int:
        """Writes what `change` makes of one look; see SecretStore. Never raises Raced."""
        self._wait_for_turn()
        self._must_be_ours()
        there = self._secret(name)
        found = {
            one: self._stored(one, there if one == name else self._secret(one)) for one in (name, *beside)
        }
        for one, stored in found.items():
            if stored is None:
                raise Refused(f"Vault has no parameter {one}; nothing was written")
        seen = {one: stored for one, stored in found.items() if stored is not None}
        value = change(seen)
        return seen[name].version if value == seen[name].value else self._put(name, value, there)

    def check_writable(self, name: str, largest: int) -> None:
        """Raises Refused when a value of `largest` bytes could not be written to `name`. Writes nothing."""
        self._must_be_ours()
        metadata = self._kv.metadata(self._placement.place(name))
        if metadata is None or metadata.written_at is None:
            raise Refused(f"Vault has no parameter {name}; nothing was written")
        _must_be_secret(name, metadata.custom.get("kind", _SECRET))
        _must_fit(name, largest)

    def owner(self, path: str) -> Owner | None:
        """Who owns the environment below `path`. Raises Refused when its owner parameter cannot be understood."""
        name = owner_parameter(path)
        stored = self._stored(name, self._secret(name))
        return parsed(stored.value.reveal(), name) if stored else None

    def claim_owner(self, path: str, owner: Owner, instead_of: Owner | None) -> None:
        """Writes the owner parameter: our heartbeat, or a claim on what nobody or `instead_of` owns."""
        from rotator.vault.client import Changed  # noqa: PLC0415 - hvac is imported on first use

        name = owner_parameter(path)
        secret = self._secret(name)
        stored = self._stored(name, secret)
        there = parsed(stored.value.reveal(), name) if stored else None
        must_be_free(there, owner, instead_of, path)
        self._wait_for_turn()
        place = self._placement.place(name)
        if secret is None:
            self._kv.mark(place, kind=_PUBLIC)
        try:
            self._kv.write(place, self._data(secret, written(owner)), secret.version if secret else 0)
        except Changed:
            now = self.owner(path)
        else:
            return
        # Replicas of one installation may write their heartbeats at the same moment; that is no quarrel.
        if now is not None and now.installation != owner.installation:
            raise foreign(now, path)

    # looking

    def _secret(self, name: str) -> Secret | None:
        return self._kv.read(self._placement.place(name))

    def _stored(self, name: str, secret: Secret | None) -> StoredValue | None:
        """What a parameter holds; None once its newest version was deleted."""
        value = self._kv.value(self._placement.place(name), secret) if secret else None
        return StoredValue(value, secret.version) if secret and value is not None else None

    def _must_be_ours(self) -> None:
        """Raises ForeignOwner when the owner parameter names another living installation."""
        path = self._environment.path
        must_not_be_foreign(self.owner(path), self._installation, path, self._around.clock.now())

    def _only_ours(self, name: str, value: Sealed, after: int, newest: int) -> bool:
        """Whether `newest`, which holds the value, came after `after` and nothing else between them."""
        between = range(after + 1, newest)
        return (
            newest > after
            and len(between) <= LATE_WORKERS
            and all(self._at(name, one) == value for one in between)
        )

    def _at(self, name: str, version: int) -> Sealed | None:
        """What an earlier version held; None when Vault does not keep it any more."""
        path = self._placement.place(name)
        secret = self._kv.read(path, version)
        return self._kv.value(path, secret) if secret else None

    # writing

    def _wait_for_turn(self) -> None:
        """Waits before looking, so that a write follows its look at once."""
        account = f"vault:{self._around.endpoint('vault') or ''}"
        self._around.pacer.pace(account, self._writes_per_second)

    def _put(self, name: str, value: Sealed, there: Secret | None) -> int:
        """One write on top of what was seen. A deleted secret counts on from its last version."""
        from rotator.vault.client import Changed  # noqa: PLC0415 - hvac is imported on first use

        _must_be_secret(name, there.custom.get("kind", _SECRET) if there else _SECRET)
        _must_fit(name, value.size)
        after = there.version if there else 0
        try:
            return self._kv.write(self._placement.place(name), self._data(there, value.reveal()), after)
        except Changed:
            now = self._stored(name, self._secret(name))
        if now is None:
            raise Transient(
                f"Vault did not write {name}: somebody is changing it; the next attempt looks again"
            )
        if now.value == value and self._only_ours(name, value, after, now.version):
            return now.version
        raise Drifted(name, after or None, now.version)

    def _data(self, there: Secret | None, value: str) -> dict[str, object]:
        return {**(there.data if there and there.data else {}), self._options.key: value}

    @once
    def _kv(self) -> Kv2:
        from rotator.vault.client import Vault  # noqa: PLC0415 - hvac is imported on first use
        from rotator.vault.kv2 import Kv2  # noqa: PLC0415 - hvac is imported on first use

        vault = Vault(self._options.auth, self._around, lambda name: self._around.resolve(name).reveal())
        return Kv2(vault, self._options.mount, self._options.key)


def _placement(environment: EnvironmentPolicy, options: VaultKv2.Options) -> Placement:
    by_default = f"{environment.path.strip('/')}/{{name}}"
    return Placement(environment.path, options.path or by_default, options.tenant)


def _must_be_secret(name: str, kind: str) -> None:
    if kind != _SECRET:
        raise Refused(
            f"{name} is marked as {kind} in Vault's custom metadata (kind), so it is no secret; nothing was written"
        )


def _must_fit(name: str, size: int) -> None:
    if not 0 < size <= LARGEST_BYTES:
        raise Refused(
            f"{name}: a value of {size} bytes does not fit (1 to {LARGEST_BYTES}); nothing was written"
        )
