"""A real OpenBao with a key-value store at `secret/`, and the login that rotator has there."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import hvac

from rotator.sandbox.openbao import EmbeddedOpenBao

_RIGHTS = 'path "secret/*" { capabilities = ["create", "read", "update", "list"] }'


class KeyValues:
    """Runs until `around` ends. `kv` is the store as somebody with all rights has it."""

    def __init__(self, folder: Path, around: ExitStack) -> None:
        server = around.enter_context(EmbeddedOpenBao(folder))
        root: Any = hvac.Client(url=server.address, token=server.token)
        root.sys.create_or_update_policy("rotator", _RIGHTS)
        # Of its own: the server writes the one that may do everything into its log.
        self.token: str = root.auth.token.create(policies=["rotator"], ttl="24h")["auth"]["client_token"]
        self.address, self.kv = server.address, root.secrets.kv.v2
