"""The company's Vault, a real OpenBao: rotator keeps a copy of the internal API token there."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from rotator.sandbox.openbao import EmbeddedOpenBao

MOUNT = "kv"


class Vault:
    """While the context lasts it has a key-value store, version 2, at kv/. Raises openbao.Missing."""

    def __init__(self, folder: Path) -> None:
        self._server = EmbeddedOpenBao(folder / "openbao")
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self._open.enter_context(self._server)
        headers = {"X-Vault-Token": self.token}
        self._vault = self._open.enter_context(
            httpx.Client(base_url=self._server.address, headers=headers, timeout=10.0, trust_env=False)
        )
        wanted = {"type": "kv", "options": {"version": "2"}}
        self._vault.post(f"/v1/sys/mounts/{MOUNT}", json=wanted).raise_for_status()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    @property
    def token(self) -> str:
        """What rotator logs in with."""
        return self._server.token

    @property
    def settings(self) -> dict[str, str]:
        """What leads the daemon here."""
        return {"ROTATOR_ENDPOINT_VAULT": self._server.address}

    def holds(self, path: str) -> str | None:
        """The value of a secret; None where there is none."""
        answer = self._vault.get(f"/v1/{MOUNT}/data/{path}")
        return str(answer.json()["data"]["data"]["value"]) if answer.is_success else None
