"""Keys for JSON Web Tokens: everybody signs, and everybody verifies against the accepted set."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import jwt

from tests.crash.sources.source import Both


class JwtKey(Both):
    """HS256."""

    adapter = "jwt"

    def start(self, folder: Path, around: ExitStack) -> Mapping[str, str]:
        return {"value": secrets.token_urlsafe(64)}

    def bearer(self, value: str) -> str:
        return jwt.encode({"iss": "company"}, value, algorithm="HS256")

    def accepts(self, member: str, bearer: str) -> bool:
        try:
            jwt.decode(bearer, member, algorithms=["HS256"])
        except jwt.InvalidTokenError:
            return False
        return True
