"""Internal API tokens: everybody shows the one in use, and lets in whoever shows one of the accepted set."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from tests.crash.sources.source import Both


class ApiToken(Both):
    """Compared as it is."""

    adapter = "token"

    def start(self, folder: Path, around: ExitStack) -> Mapping[str, str]:
        return {"value": secrets.token_urlsafe(64)}

    def bearer(self, value: str) -> str:
        return value

    def accepts(self, member: str, bearer: str) -> bool:
        return secrets.compare_digest(member, bearer)
