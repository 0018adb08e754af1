"""Vault's key-value store, version 2, as a second copy of what the store holds.

Every write names the version that it was made on top of, so nobody's change is overwritten unseen: whoever came between
is looked at first. Other keys of the secret, and its lifetime, stay.

Custom metadata of a copy that rotator makes gets `managed_by: rotator` and `mirror_of: <the parameter>`, so that people
in Vault see that a change by hand does not last. A value that stands there already makes no new version; that it was
written again is noted as `copied_at`, or the copy would look older than the parameter for ever.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from pydantic import field_validator

from rotator.contracts.adapter import Surroundings
from rotator.contracts.options import AdapterOptions
from rotator.model.errors import Refused, Transient
from rotator.model.once import once
from rotator.model.policy import MirrorPolicy
from rotator.model.secrets import Sealed
from rotator.vault.access import LARGEST_BYTES, Auth, Mount, Name
from rotator.vault.placement import Placement, wrong_with

if TYPE_CHECKING:
    from rotator.vault.kv2 import Kv2

_COPIED_AT = "copied_at"


class VaultKv2Mirror:
    """A mount of Vault's that holds copies of one environment's parameters."""

    needs: ClassVar[str] = "a policy of Vault's on data and metadata"
    tried_on: ClassVar[str] = "OpenBao 2.7"

    #: Blanks that `path` may have beside {env}.
    placeholders: ClassVar[frozenset[str]] = frozenset({"{name}", "{tenant}"})

    class Options(AdapterOptions):
        """`/taly/production/NAME` of the store stands at `path` with its blanks filled in."""

        of: str  # the parameters' prefix in the store: /taly/{env}
        path: str  # folders and {name}, with {tenant} where tenants are kept apart
        auth: Auth  # token, approle or kubernetes
        mount: Mount = "secret"  # where the key-value store is
        tenant: Name | None = None  # whose a parameter is that stands in no folder
        key: Name = "value"  # under which the value stands in a secret

        @field_validator("of")
        @classmethod
        def _is_a_prefix(cls, prefix: str) -> str:
            if not prefix.startswith("/") or prefix.endswith("/"):
                raise ValueError("must be the parameters' prefix: /taly/{env}")
            return prefix

        @field_validator("path")
        @classmethod
        def _can_be_filled_in(cls, path: str) -> str:
            if trouble := wrong_with(path):
                raise ValueError(trouble)
            return path

    def __init__(self, mirror: MirrorPolicy, around: Surroundings) -> None:
        self._options = options = self.Options.taken_from(mirror.settings, f"the mirror {mirror.id}")
        self._around = around
        self._placement = Placement(options.of, options.path, options.tenant)

    @classmethod
    def place(cls, mirror: MirrorPolicy, _region: str, name: str) -> str:
        """Where a copy stands, in the words that the store has for it. Raises Refused for a name that has no place."""
        options = cls.Options.taken_from(mirror.settings, f"the mirror {mirror.id}")
        return f"Vault's {options.mount}: {Placement(options.of, options.path, options.tenant).place(name)}"

    def write(self, name: str, value: Sealed) -> None:
        """Writes the value as the next version; the same value again is no new one, and only its time is noted."""
        from rotator.vault.client import Changed  # noqa: PLC0415 - hvac is imported on first use

        if not 0 < value.size <= LARGEST_BYTES:
            raise Refused(f"{name}: a value of {value.size} bytes does not fit (1 to {LARGEST_BYTES})")
        try:
            self._write(name, value)
        except Changed:
            trouble = Transient(
                f"somebody is changing the copy of {name} in Vault; the next attempt looks again"
            )
        else:
            return
        raise trouble

    def stale(self, name: str, since: datetime) -> bool | None:
        """Whether the value was last written before `since`; a copy that is not there is stale."""
        metadata = self._kv.metadata(self._placement.place(name))
        if metadata is None or metadata.written_at is None:
            return True
        noted_at = metadata.written_at
        with suppress(KeyError, ValueError, TypeError):  # people may write anything there
            noted_at = max(noted_at, datetime.fromisoformat(metadata.custom[_COPIED_AT]))
        return noted_at < since

    def _write(self, name: str, value: Sealed) -> None:
        path, key = self._placement.place(name), self._options.key
        ours = {"managed_by": "rotator", "mirror_of": name}
        there = self._kv.read(path)
        data = dict(there.data) if there and there.data else {}
        if data.get(key) == value.reveal():
            self._kv.mark(path, **ours, **{_COPIED_AT: self._around.clock.now().isoformat()})
            return
        if there is None:
            self._kv.mark(path, **ours)
        self._kv.write(path, {**data, key: value.reveal()}, there.version if there else 0)

    @once
    def _kv(self) -> Kv2:
        from rotator.vault.client import Vault  # noqa: PLC0415 - hvac is imported on first use
        from rotator.vault.kv2 import Kv2  # noqa: PLC0415 - hvac is imported on first use

        vault = Vault(self._options.auth, self._around, lambda name: self._around.resolve(name).reveal())
        return Kv2(vault, self._options.mount, self._options.key)
