"""The key-value store of Vault (version 2), as the store and the mirror use it.

A write names the version that it expects (`cas`), so nobody's change is ever overwritten unseen. One key of a secret is
ours; what other keys it has stays in it. Its metadata is read, completed and written back: only the map of custom
metadata is sent, so that a lifetime (`delete_version_after`) or a number of versions that people have set stays; on
OpenBao with check-and-set, too (`metadata_cas`).

hvac's own update_metadata() sends `delete_version_after: 0s` when it is not told otherwise, which wipes a lifetime:
that is why it is not used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rotator.model.errors import Refused
from rotator.model.secrets import Sealed
from rotator.vault.client import NotThere, Vault

#: Of custom metadata: its entries, and the characters of each. Vault's documentation, "KV secrets engine - version 2
#: (API)", Create/update metadata; run against OpenBao.
LARGEST_MAP, LONGEST_MARK = 64, 512


@dataclass(frozen=True, slots=True)
class Secret:
    """One version of a secret; `data` is None once that was deleted."""

    version: int
    data: Mapping[str, Any] | None = field(repr=False)
    custom: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Metadata:
    """What is known of a secret without reading it. `version` 0: it has none."""

    version: int
    written_at: datetime | None  # None: the newest version is deleted, or there is none
    custom: Mapping[str, str]
    revision: int | None  # of the metadata itself, where Vault counts that


@dataclass(frozen=True, slots=True)
class Kv2:
    """One mount; values stand under `key`."""

    vault: Vault
    mount: str
    key: str

    def read(self, path: str, version: int | None = None) -> Secret | None:
        """The newest version, or an earlier one; None where there is none."""
        try:
            answer = self.vault.ask(
                lambda vault: vault.secrets.kv.v2.read_secret_version(
                    path, version=version, mount_point=self.mount, raise_on_deleted_version=False
                ),
                f"read {self.mount}/{path}",
            )
        except NotThere:
            return None
        told = answer["data"]["metadata"]
        return Secret(told["version"], answer["data"]["data"], told.get("custom_metadata") or {})

    def value(self, path: str, secret: Secret) -> Sealed | None:
        """Our key's value; None once deleted. Raises Refused where the secret has no such key."""
        if secret.data is None:
            return None
        value = secret.data.get(self.key)
        if not isinstance(value, str):
            raise Refused(
                f"the secret {self.mount}/{path} in Vault has no text under the key {self.key}: it is not rotator's"
            )
        return Sealed(value)

    def write(self, path: str, data: Mapping[str, Any], cas: int) -> int:
        """The new version. Raises Changed when `cas` is not the version that is there."""
        answer = self.vault.change(
            lambda vault: vault.secrets.kv.v2.create_or_update_secret(
                path, dict(data), cas=cas, mount_point=self.mount
            ),
            f"write {self.mount}/{path}",
        )
        version: int = answer["data"]["version"]
        return version

    def metadata(self, path: str) -> Metadata | None:
        """Read without the value; None where there is nothing at all."""
        try:
            answer = self.vault.ask(
                lambda vault: vault.secrets.kv.v2.read_secret_metadata(path, mount_point=self.mount),
                f"read the metadata of {self.mount}/{path}",
            )
        except NotThere:
            return None
        return _metadata(answer["data"], self.vault.now())

    def mark(self, path: str, **marks: str) -> None:
        """Sees to it that the custom metadata says so, as far as it fits, and everything else stays. Raises Changed."""
        there = self.metadata(path)
        custom = dict(there.custom) if there else {}
        completed = {**custom, **{name: mark[:LONGEST_MARK] for name, mark in marks.items()}}
        if completed == custom or len(completed) > LARGEST_MAP:
            return
        wanted: dict[str, Any] = {"custom_metadata": completed}
        if there is not None and there.revision is not None:
            wanted["metadata_cas"] = there.revision
        self.vault.change(
            lambda vault: vault.write_data(f"{self.mount}/metadata/{path}", data=wanted),
            f"write the metadata of {self.mount}/{path}",
        )

    def paths(self, folder: str) -> Iterator[str]:
        """Every secret below a folder."""
        try:
            answer = self.vault.ask(
                lambda vault: vault.secrets.kv.v2.list_secrets(folder, mount_point=self.mount),
                f"list {self.mount}/{folder}",
            )
        except NotThere:
            return
        for key in answer["data"]["keys"]:
            path = f"{folder}/{key}".lstrip("/")
            if key.endswith("/"):
                yield from self.paths(path.rstrip("/"))
            else:
                yield path


def _metadata(data: Mapping[str, Any], now: datetime) -> Metadata:
    version = data["current_version"]
    newest = data["versions"].get(str(version))
    gone = newest is None or newest["destroyed"] or _has_passed(newest["deletion_time"], now)
    written_at = None if gone else datetime.fromisoformat(newest["created_time"])
    return Metadata(
        version, written_at, data.get("custom_metadata") or {}, data.get("current_metadata_version")
    )


def _has_passed(moment: str, now: datetime) -> bool:
    """A lifetime sets the moment of deletion ahead."""
    return bool(moment) and datetime.fromisoformat(moment) <= now
