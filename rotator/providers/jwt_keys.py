"""Asymmetric signing keys as private JWKs: made, read back, used, and the public half for verifiers.

A private JWK and not PEM, because it says itself what a signer must put into the header of a token (`kid`, `alg`), so
that one parameter holds all a signer needs and no other can disagree with it. Both forms are of one size.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from rotator.model.json_text import parsed
from rotator.model.jwks import thumbprint

#: What a JWK must say to be a key for the algorithm: RFC 7518 sections 3.3 and 3.4, RFC 8037 section 3.1.
KINDS = {
    "RS256": {"kty": "RSA"},
    "ES256": {"kty": "EC", "crv": "P-256"},
    "EdDSA": {"kty": "OKP", "crv": "Ed25519"},
}
_PUBLIC = ("kty", "crv", "n", "e", "x", "y", "kid")
_EXPONENT = 65537


def made(algorithm: str, bits: int) -> str:
    """A new private JWK as JSON without blanks; `bits` is for RSA."""
    jwk: dict[str, Any]
    if algorithm == "RS256":
        jwk = RSAAlgorithm.to_jwk(rsa.generate_private_key(_EXPONENT, bits), as_dict=True)
    elif algorithm == "ES256":
        jwk = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()), as_dict=True)
    else:
        jwk = OKPAlgorithm.to_jwk(ed25519.Ed25519PrivateKey.generate(), as_dict=True)
    jwk.pop("key_ops", None)  # PyJWT's own; a library may read it as all that the key is for
    return _written({**jwk, "kid": thumbprint(jwk), "alg": algorithm})


def read(text: str, algorithm: str) -> dict[str, Any] | None:
    """The private JWK in a parameter, with a `kid`; None when it is no such key for the algorithm."""
    jwk = as_jwk(text)
    if jwk is None or "d" not in jwk or jwk.get("alg", algorithm) != algorithm:
        return None
    if any(jwk.get(name) != value for name, value in KINDS[algorithm].items()):
        return None
    return {"kid": thumbprint(jwk), **jwk}


def as_jwk(text: str) -> dict[str, Any] | None:
    """The text as a JWK of whatever kind; None when it is none."""
    try:
        jwk = parsed(text)
    except ValueError:
        return None
    return jwk if isinstance(jwk, dict) and "kty" in jwk else None


def public(jwk: Mapping[str, Any], algorithm: str) -> str:
    """What verifiers read of it."""
    half = {name: jwk[name] for name in _PUBLIC if name in jwk}
    return _written({**half, "alg": algorithm, "use": "sig"})


def signed(claims: Mapping[str, Any], jwk: Mapping[str, Any], algorithm: str) -> str | None:
    """A token that bears the key's `kid`; None when nothing can be signed that the public half would accept."""
    try:
        token = jwt.encode(
            dict(claims), jwt.PyJWK(dict(jwk), algorithm), algorithm, headers={"kid": jwk["kid"]}
        )
        verifiers = jwt.PyJWK(json.loads(public(jwk, algorithm)), algorithm)
        jwt.decode(token, verifiers, [algorithm], options={"verify_exp": False, "verify_iat": False})
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None  # their words may quote the key
    return token


def sizes(bits: int) -> tuple[int, int]:
    """Bytes of a private RSA key of that many bits, and of a JWKS with three public ones."""
    kid, whole, half = "k" * 43, "n" * _characters(bits), "p" * _characters(bits // 2)
    halves = dict.fromkeys(("p", "q", "dp", "dq", "qi"), half)
    jwk = {"kty": "RSA", "n": whole, "e": "AQAB", "d": whole, **halves, "kid": kid, "alg": "RS256"}
    return len(_written(jwk)), len(_written({"keys": [json.loads(public(jwk, "RS256"))] * 3}))


def _characters(bits: int) -> int:
    return -(-bits // 6)


def _written(jwk: Mapping[str, Any]) -> str:
    return json.dumps(jwk, separators=(",", ":"))
