"""The company's Vault, a real OpenBao: rotator keeps a copy of the internal API token there."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rotator.sandbox import loopback
from rotator.sandbox.openbao import EmbeddedOpenBao

MOUNT = "kv"
_RIGHTS = f"""
path "{MOUNT}/data/taly/*" {{ capabilities = ["create", "read", "update"] }}
path "{MOUNT}/metadata/taly/*" {{ capabilities = ["create", "read", "update"] }}
"""


class Vault:
    """While the context lasts it has a key-value store, version 2, at kv/. Raises openbao.Missing.

    `token` is what rotator logs in with, once it runs.
    """

    token: str

    def __init__(self, folder: Path) -> None:
        self._server = EmbeddedOpenBao(folder / "openbao")
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self._open.enter_context(self._server)
        self._vault = self._open.enter_context(
            loopback.client(self._server.address, seconds=10.0, headers={"X-Vault-Token": self._server.token})
        )
        self._told(f"sys/mounts/{MOUNT}", type="kv", options={"version": "2"})
        self._told("sys/policy/rotator", policy=_RIGHTS)
        # One of its own: the server writes the one that may do everything into its log.
        self.token = self._told("auth/token/create", policies=["rotator"])["auth"]["client_token"]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    @property
    def settings(self) -> dict[str, str]:
        """What leads the daemon here."""
        return {"ROTATOR_ENDPOINT_VAULT": self._server.address}

    def holds(self, path: str) -> str | None:
        """The value of a secret; None where there is none."""
        answer = self._vault.get(f"/v1/{MOUNT}/data/{path}")
        return str(answer.json()["data"]["data"]["value"]) if answer.is_success else None

    def _told(self, path: str, **wanted: Any) -> Any:
        answer = self._vault.post(f"/v1/{path}", json=wanted).raise_for_status()
        return answer.json() if answer.content else None
