"""Public keys as verifiers of JSON Web Tokens read them: JWKs (RFC 7517), named by their thumbprint (RFC 7638)."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from rotator.model.json_text import is_text, parsed

#: The members that make the key, by its kind, in the order in which they are hashed: RFC 7638 section 3.2, and
#: RFC 8037 section 2 for OKP. Symmetric keys are left out: a hash of one would be a fingerprint of a secret.
_MAKES = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x"), "RSA": ("e", "kty", "n")}


def thumbprint(jwk: Mapping[str, Any]) -> str | None:
    """The SHA-256 thumbprint of an asymmetric key, 43 characters; None for anything else. Both halves have the same."""
    made_by = {name: jwk.get(name) for name in _MAKES.get(str(jwk.get("kty")), ())}
    if not made_by or not all(map(is_text, made_by.values())):
        return None
    written = json.dumps(made_by, separators=(",", ":"), ensure_ascii=False)
    return urlsafe_b64encode(sha256(written.encode()).digest()).decode().rstrip("=")


def public_thumbprint(text: str) -> str | None:
    """The thumbprint of a public JWK that is written as JSON; None for any other text, a private key among them."""
    try:
        read = parsed(text)
    except ValueError:
        return None
    return thumbprint(read) if isinstance(read, dict) and "d" not in read else None
