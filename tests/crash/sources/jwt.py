"""Keys for JSON Web Tokens: everybody signs, and everybody verifies against the accepted set."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import jwt

from rotator.providers import jwt_keys
from tests.company.secret import Held
from tests.crash.sources.source import Both, Known, There

_PAIR = "ES256"


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


class JwtPair(JwtKey):
    """ES256: signers have private JWKs, verifiers a JWKS of public ones."""

    def start(self, folder: Path, around: ExitStack) -> Mapping[str, str]:
        return {"value": jwt_keys.made(_PAIR, 0)}

    def settings(self) -> Mapping[str, Any]:
        return {"algorithm": _PAIR}

    def first_set(self, fields: Mapping[str, str]) -> str:
        return json.dumps({"keys": [json.loads(_public(fields["value"]))]})

    def members(self, held: Held) -> list[str]:
        return [json.dumps(key) for key in json.loads(held[self.accepted_as or ""])["keys"]]

    def bearer(self, value: str) -> str:
        jwk = json.loads(value)
        return jwt.encode({"iss": "company"}, jwt.PyJWK(jwk), algorithm=_PAIR, headers={"kid": jwk["kid"]})

    def accepts(self, member: str, bearer: str) -> bool:
        try:
            jwt.decode(bearer, jwt.PyJWK(json.loads(member)), algorithms=[_PAIR])
        except jwt.InvalidTokenError:
            return False
        return True

    def there(self, known: Known, everybody: Iterable[Held]) -> Iterable[There]:
        private = {json.loads(one.value)["kid"]: one.value for one in known.made}
        kids = {json.loads(member)["kid"] for held in everybody for member in self.members(held)}
        return [There(known.id_of(private.get(kid, ""))) for kid in kids]


def _public(value: str) -> str:
    return jwt_keys.public(json.loads(value), _PAIR)
