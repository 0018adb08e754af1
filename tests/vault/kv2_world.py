"""The far side of the store and the mirror in Vault: OpenBao behind a bad network, and people who use it past them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

import hvac

from rotator.clock import SystemClock
from rotator.mirrors.vault_kv2 import VaultKv2Mirror
from rotator.model.policy import EnvironmentPolicy, MirrorPolicy
from rotator.model.secrets import Sealed, StoredValue
from rotator.sandbox.openbao import EmbeddedOpenBao
from rotator.stores.vault_kv2 import VaultKv2
from rotator.testing.store_world import OURS
from rotator.testing.surroundings import surroundings
from rotator.vault.access import LARGEST_BYTES
from rotator.vault.placement import Placement
from tests.vault.front import VaultFront

TOKEN = "ssm:/taly/staging/rotator/VAULT_TOKEN"
LIFETIME = "720h0m0s"


class Kv2World:
    """StoreWorld; parameters stand where `placement` says."""

    largest = LARGEST_BYTES

    def __init__(self, openbao: EmbeddedOpenBao, **settings: Any) -> None:
        mark = secrets.token_hex(4)
        self.path, self.folder = f"/taly/{mark}", f"crm/{mark}"
        self.settings = {name: value.replace("<folder>", self.folder) for name, value in settings.items()}
        self.placement = Placement(
            self.path, self.settings.get("path", f"taly/{mark}/{{name}}"), self.settings.get("tenant")
        )
        self.clock = SystemClock()
        self.front = VaultFront(openbao.address)
        self.root: Any = hvac.Client(url=openbao.address, token=openbao.token)
        self.kv: Any = self.root.secrets.kv.v2
        self.around = surroundings(
            clock=self.clock,
            references={TOKEN: Sealed(openbao.token)},
            endpoints={"vault": self.front.address},
        )
        self.store = self.as_seen_by(OURS)

    def __enter__(self) -> Self:
        self.front.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.front.__exit__(kind, error, trace)

    # StoreWorld

    def as_seen_by(self, installation: str) -> VaultKv2:
        settings = {"vault-kv2": {"auth": {"token": TOKEN}, **self.settings}}
        environment = EnvironmentPolicy(
            name="staging", path=self.path, region="eu-central-1", settings=settings
        )
        return VaultKv2(environment, self.around, installation)

    def seed(self, name: str, value: Sealed, kind: str = "SecureString") -> None:
        if not name.startswith(f"{self.path}/"):
            self.kv.create_or_update_secret(f"{name.strip('/')}", {"value": value.reveal()})
            return
        path = self.placement.place(name)
        self.kv.update_metadata(
            path,
            max_versions=7,
            delete_version_after=LIFETIME,
            custom_metadata={"description": f"what {name} is for"}
            | ({"kind": kind} if kind == "String" else {}),
        )
        self.kv.create_or_update_secret(path, {"value": value.reveal(), "beside": "stays"})

    def someone_else_writes(self, name: str, value: Sealed) -> None:
        self.kv.create_or_update_secret(
            self.placement.place(name), {"value": value.reveal(), "beside": "stays"}
        )

    def someone_else_interferes(self, name: str, value: Sealed) -> None:
        self.front.before_next = lambda: self.someone_else_writes(name, value)

    def lose_next_answer(self) -> None:
        self.front.lose_next = True

    def throttle_next(self) -> None:
        self.front.throttle_next = True

    def holds(self, name: str) -> StoredValue | None:
        try:
            answer = self.kv.read_secret_version(self.placement.place(name), raise_on_deleted_version=True)
        except hvac.exceptions.InvalidPath:
            return None
        return StoredValue(Sealed(answer["data"]["data"]["value"]), answer["data"]["metadata"]["version"])

    def metadata(self, name: str) -> Mapping[str, str]:
        path = self.placement.place(name)
        told = self.kv.read_secret_metadata(path)["data"]
        data = self.kv.read_secret_version(path, raise_on_deleted_version=True)["data"]["data"]
        kept = {key: str(told[key]) for key in ("max_versions", "delete_version_after", "custom_metadata")}
        return {**kept, "beside": data["beside"]}

    def values_read(self) -> int:
        return sum(method == "GET" and "/data/" in path for method, path in self.front.asked)

    # more of it

    def mirror(self, **more: Any) -> VaultKv2Mirror:
        """The same far side as a mirror."""
        settings = {"of": self.path, "path": f"{self.folder}/{{name}}", "auth": {"token": TOKEN}, **more}
        return VaultKv2Mirror(
            MirrorPolicy(id="staging/vault", kind="vault-kv2", settings=settings), self.around
        )

    def copy(self, path: str) -> dict[str, str]:
        """What stands below the mirror's folder."""
        answer = self.kv.read_secret_version(f"{self.folder}/{path}", raise_on_deleted_version=True)
        data: dict[str, str] = answer["data"]["data"]
        return data

    def facts(self, path: str) -> dict[str, Any]:
        """Its metadata."""
        data: dict[str, Any] = self.kv.read_secret_metadata(f"{self.folder}/{path}")["data"]
        return data


class Kv2MirrorWorld(Kv2World):
    """The same for the contract of mirrors: a person has made the first copies, and Vault keeps the time to the µs."""

    resolution = timedelta(milliseconds=1)

    def mirror(self, **more: Any) -> VaultKv2Mirror:
        return super().mirror(path=self.placement.path, **more)

    def holds(self, name: str) -> Any:
        found = super().holds(name)
        return found.value if found else None

    def beside(self, name: str) -> Mapping[str, object]:
        """But for what rotator itself writes there."""
        kept = dict(self.metadata(name))
        told = self.kv.read_secret_metadata(self.placement.place(name))["data"]["custom_metadata"]
        return {**kept, "custom_metadata": told["description"]}

    @contextmanager
    def away(self) -> Iterator[None]:
        self.front.away = True
        yield
        self.front.away = False

    def throttle_next(self) -> None:
        self.front.throttle_next_of_any = True
