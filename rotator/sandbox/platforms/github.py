"""GitHub, played: logging in, Actions secrets, and what the runs of a workflow are asked about (github_runs.py).

From GitHub's REST reference, "GitHub Actions secrets", "Apps": sealed values that only GitHub can open, a key per
repository, environment and organisation, values that nobody can read, `updated_at`, an organisation's visibility that
has to be sent each time and takes effect as sent, 48 KB; from "Authenticating as a GitHub App": the JWT's signature
and times, installations, tokens of an hour. Hostile: a missing right shows as 404, and throttling as 403 or as 429.
It simplifies: one App with every right, no secondary limits of its own, no 100 secrets.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, SealedBox

from rotator.contracts.clock import Clock
from rotator.sandbox.platforms.front import RETRY_AFTER, Answer, Asked

_LARGEST = 48 * 1024
_MISSING = Answer(404, {"message": "Not Found"})
_SECRETS = re.compile(r"(?P<scope>.+?)(?:/actions)?/secrets(?:/(?P<name>[^/]+))?(?P<selected>/repositories)?")


@cache
def _rsa_key() -> rsa.RSAPrivateKey:
    """Made once: it takes a while."""
    return _new_rsa_key()


def _new_rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _pem(key: rsa.RSAPrivateKey) -> str:
    """Without the line break at its end, which is lost where people hand it on."""
    kept = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    return kept.decode().strip()


@dataclass(slots=True)
class HeldSecret:
    """One secret as GitHub holds it."""

    value: str = field(repr=False)
    created_at: datetime
    updated_at: datetime
    visibility: str = ""
    selected: tuple[int, ...] = ()


@dataclass(slots=True)
class Scope:
    """What has secrets: a repository, an environment of one, an organisation. Each has a key of its own."""

    key: PrivateKey = field(default_factory=PrivateKey.generate, repr=False)
    key_id: str = field(default_factory=lambda: secrets.token_hex(8))
    held: dict[str, HeldSecret] = field(default_factory=dict)


class Github:
    """`token` is what a caller may show; a GitHub App has `app` and the key `app_key` (PEM)."""

    def __init__(self, clock: Clock, runs: Callable[[Asked], Answer | None] = lambda _asked: None) -> None:
        self.clock, self._runs = clock, runs
        self.token, self.app = secrets.token_hex(20), "Iv23played"
        self.app_key = _pem(_rsa_key())
        self.app_keys = {self.app_key: _rsa_key().public_key()}  # an App may have several
        self.tokens: dict[str, datetime] = {}
        self.scopes: dict[str, Scope] = {}
        self.logins = 0
        self.forbidden = self.renamed = self.missing_rights = False
        self.throttles_by = 429

    def operation(self, asked: Asked) -> str:
        """Method and the last fixed word of the path."""
        words = [word for word in asked.path.split("/") if word in _WORDS]
        return f"{asked.method} {words[-1] if words else 'unknown'}"

    def changes(self, asked: Asked) -> bool:
        """Logging in is no change worth losing."""
        return asked.method in {"PUT", "POST"} and not asked.path.endswith("/access_tokens")

    def turned_away(self) -> Answer:
        """By a secondary limit, or because the hour's quota is used up."""
        if self.throttles_by == 429:
            return Answer(429, {"message": "secondary rate limit"}, {"Retry-After": str(RETRY_AFTER)})
        reset = int((self.clock.now() + timedelta(seconds=RETRY_AFTER)).timestamp())
        headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(reset)}
        return Answer(403, {"message": "API rate limit exceeded"}, headers)

    def answer(self, asked: Asked) -> Answer:
        """One request. What a GET answers bears a tag; who shows the tag again is told that nothing has changed."""
        answer = self._answer(asked)
        if asked.method != "GET" or answer.status != 200:
            return answer
        tag = '"' + hashlib.sha256(json.dumps(answer.content).encode()).hexdigest() + '"'
        if asked.headers.get("if-none-match") == tag:
            return Answer(304, None, {"ETag": tag})
        return Answer(answer.status, answer.content, {**answer.headers, "ETag": tag})

    def _answer(self, asked: Asked) -> Answer:
        shown = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if asked.path.endswith("/installation") or asked.path.startswith("/app/"):
            return self._logged_in(asked, shown)
        if shown != self.token and self.tokens.get(shown, self.clock.now()) <= self.clock.now():
            return Answer(401, {"message": "Bad credentials"})
        if self.forbidden:
            return Answer(403, {"message": f"Resource not accessible: {asked.body.decode()}"})
        if self.renamed:
            return Answer(301, {"message": "Moved Permanently"}, {"Location": "/repositories/1"})
        about_runs = self._runs(asked)
        if about_runs:
            return about_runs
        found = _SECRETS.fullmatch(asked.path.strip("/"))
        scope = self.scopes.get(found["scope"]) if found else None
        if found is None or scope is None or self.missing_rights:
            return _MISSING
        return self._secret(asked, scope, found["name"] or "", selected=bool(found["selected"]))

    def holds(self, scope: str, name: str) -> str | None:
        """The value that a job would see."""
        held = self.scopes[scope].held.get(name)
        return held.value if held else None

    def somebody_makes_a_key(self) -> str:
        """One more private key of the App, PEM."""
        made = _new_rsa_key()
        self.app_keys[_pem(made)] = made.public_key()
        return _pem(made)

    # logging in

    def _logged_in(self, asked: Asked, shown: str) -> Answer:
        claims = next(
            (read for key in tuple(self.app_keys.values()) if (read := self._claims(shown, key))), None
        )
        if claims is None:
            return Answer(401, {"message": "A JSON web token could not be decoded"})
        now = self.clock.now().timestamp()
        if not (claims["iat"] <= now < claims["exp"] <= claims["iat"] + 600):
            return Answer(401, {"message": "'Expiration time' claim ('exp') is too far in the future"})
        if asked.path.endswith("/installation"):
            place = asked.path.strip("/").removesuffix("/installation")
            known = any(scope == place or scope.startswith(f"{place}/") for scope in self.scopes)
            return Answer(200, {"id": 4711}) if known else _MISSING
        self.logins += 1
        token, ends = secrets.token_hex(20), self.clock.now() + timedelta(hours=1)
        self.tokens[token] = ends
        return Answer(201, {"token": token, "expires_at": f"{ends:%Y-%m-%dT%H:%M:%SZ}"})

    def _claims(self, shown: str, key: rsa.RSAPublicKey) -> dict[str, Any] | None:
        """What the App says, if it signed with that key; times are not of the machine's clock, which is not ours."""
        options: Any = {"verify_exp": False, "verify_iat": False}
        try:
            return jwt.decode(shown, key, algorithms=["RS256"], issuer=self.app, options=options)
        except jwt.PyJWTError:
            return None

    # secrets

    def _secret(self, asked: Asked, scope: Scope, name: str, *, selected: bool) -> Answer:
        if asked.method == "GET" and name == "public-key":
            key = base64.b64encode(bytes(scope.key.public_key)).decode()
            return Answer(200, {"key_id": scope.key_id, "key": key})
        held = scope.held.get(name)
        if asked.method == "PUT":
            return self._put(asked.content, scope, name, organisation=asked.path.startswith("/orgs/"))
        if held is None:
            return _MISSING
        if selected:
            per, page = int(asked.query.get("per_page", 30)), int(asked.query.get("page", 1))
            chosen = held.selected[per * (page - 1) : per * page]
            return Answer(200, {"repositories": [{"id": number} for number in chosen]})
        shown = {
            "name": name,
            "created_at": f"{held.created_at:%Y-%m-%dT%H:%M:%SZ}",
            "updated_at": f"{held.updated_at:%Y-%m-%dT%H:%M:%SZ}",
        }
        return Answer(200, {**shown, "visibility": held.visibility} if held.visibility else shown)

    def _put(self, wanted: dict[str, Any], scope: Scope, name: str, *, organisation: bool) -> Answer:
        if organisation and wanted.get("visibility") not in {"all", "private", "selected"}:
            return Answer(422, {"message": f"Invalid request: visibility wasn't supplied. {wanted}"})
        if wanted["key_id"] != scope.key_id:
            return Answer(422, {"message": "key_id is not the current one"})
        try:
            sealed = base64.b64decode(wanted["encrypted_value"], validate=True)
            value = SealedBox(scope.key).decrypt(sealed).decode()
        except (ValueError, CryptoError):
            return Answer(422, {"message": "Bad request - encrypted_value is not sealed with the key"})
        if len(value.encode()) > _LARGEST:
            return Answer(422, {"message": "Secret value is too large"})
        now, before = self.clock.now(), scope.held.get(name)
        scope.held[name] = HeldSecret(
            value,
            before.created_at if before else now,
            now,
            wanted.get("visibility", ""),
            tuple(wanted.get("selected_repository_ids", ())),
        )
        return Answer(204 if before else 201, None if before else {})


_WORDS = {
    "installation", "access_tokens", "public-key", "secrets", "repositories", "dispatches", "runs",
    "pending_deployments",
}  # fmt: skip
