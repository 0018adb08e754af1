"""The envelope: values sealed under a data key with AES-256-GCM, whoever wrapped that key.

What a text belongs to is authenticated with it: the context of its data key (which secret, which rotation) and
`bound_to`. A row's sealed text that is moved to another row does not open.
Source: NIST SP 800-38D; a nonce is 96 random bits, and a data key seals a handful of texts.
"""

from __future__ import annotations

import json
import secrets
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from rotator.model.errors import Refused
from rotator.model.secrets import Sealed

KEY_BYTES = 32
_NONCE_BYTES = 12
_VERSION = "1:"


class EnvelopeKey:
    """An opened data key. It shows itself to nobody: not in repr, not in pickle."""

    __slots__ = ("_cipher", "_context", "_wrapped")

    def __init__(self, key: bytes, wrapped: str, context: Mapping[str, str]) -> None:
        self._cipher, self._wrapped, self._context = AESGCM(key), wrapped, dict(context)

    @property
    def wrapped(self) -> str:
        """The text to keep in the row."""
        return self._wrapped

    def seal(self, fields: Mapping[str, Sealed], bound_to: str) -> str:
        """Text that only this key opens, and only together with `bound_to`."""
        plain = json.dumps({name: value.reveal() for name, value in fields.items()}).encode()
        return _VERSION + encrypt(self._cipher, plain, self._belongs_to(bound_to))

    def open(self, sealed: str, bound_to: str) -> Mapping[str, Sealed]:
        """The fields again. Raises Refused when key, text or `bound_to` do not belong together."""
        text = sealed.removeprefix(_VERSION)
        try:
            plain = decrypt(self._cipher, text, self._belongs_to(bound_to))
        except (InvalidTag, ValueError):
            raise Refused(
                f"the sealed value of {bound_to} does not open: the row was changed, or belongs to another rotation. "
                "The credentials themselves are untouched"
            ) from None
        return {name: Sealed(value) for name, value in json.loads(plain).items()}

    def _belongs_to(self, bound_to: str) -> bytes:
        return json.dumps(bound_to).encode() + canonical(self._context)

    def __repr__(self) -> str:
        return "EnvelopeKey(…)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an opened data key is never pickled")


def canonical(context: Mapping[str, str]) -> bytes:
    """One and the same bytes for the same context."""
    return json.dumps(sorted(context.items())).encode()


def encrypt(cipher: AESGCM, plain: bytes, belongs_to: bytes) -> str:
    """Base64 of a fresh nonce, the ciphertext and its tag."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return b64encode(nonce + cipher.encrypt(nonce, plain, belongs_to)).decode()


def decrypt(cipher: AESGCM, text: str, belongs_to: bytes) -> bytes:
    """What was encrypted. Raises InvalidTag, or ValueError for a text of another shape."""
    sealed = b64decode(text, validate=True)
    return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], belongs_to)
