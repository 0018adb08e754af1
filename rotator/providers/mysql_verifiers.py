"""What MySQL and MariaDB keep of a password, computed here: whether a password is one of an account's needs no login.

`mysql_native_password`: SHA1 of SHA1 (MySQL documentation, "Native Pluggable Authentication"). `ed25519`: the public
key whose scalar is the first half of SHA-512 of the password (MariaDB documentation, "Authentication Plugin -
ed25519"). `caching_sha2_password`: SHA-256 crypt (Drepper, "Unix crypt using SHA-256 and SHA-512") with a salt of 20
bytes and a thousand rounds for each count in `$A$005$`.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Mapping
from hashlib import sha1, sha256, sha512

_CRYPT_ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SALT_BYTES = 20
_ROUNDS_A_COUNT = 1000


def native(password: str, _known: str = "") -> str:
    """`*` and 40 hex digits."""
    return "*" + sha1(sha1(password.encode()).digest()).hexdigest().upper()  # noqa: S324 - the server's own choice


def ed25519(password: str, _known: str = "") -> str:
    """43 characters of base64."""
    from nacl.bindings import crypto_scalarmult_ed25519_base_noclamp  # noqa: PLC0415 - for those who have it only

    scalar = bytearray(sha512(password.encode()).digest()[:32])
    scalar[0] &= 248
    scalar[31] = scalar[31] & 63 | 64
    return base64.b64encode(crypto_scalarmult_ed25519_base_noclamp(bytes(scalar))).decode().rstrip("=")


def caching_sha2(password: str, known: str) -> str:
    """As `known` would be if the password were its own: with the same salt and as many rounds. Empty for nonsense."""
    kind, count, rest = [*known.split("$", 3)[1:], "", "", ""][:3]
    if kind != "A" or not count or len(rest) <= _SALT_BYTES:
        return ""
    salt = rest[:_SALT_BYTES]
    return f"$A${count}${salt}{sha256_crypt(password, salt, int(count, 16) * _ROUNDS_A_COUNT)}"


#: Plugin -> the verifier of a password; the second argument is one that is there, for its salt.
VERIFIERS: Mapping[str, Callable[[str, str], str]] = {
    "mysql_native_password": native,
    "ed25519": ed25519,
    "caching_sha2_password": caching_sha2,
}


def is_of(password: str, plugin: str, verifier: str) -> bool:
    """Whether the verifier is this password's."""
    made = VERIFIERS[plugin](password, verifier)
    return bool(made) and hmac.compare_digest(made.encode(), verifier.encode())


def digest(verifier: str) -> str:
    """What rotator writes down of a verifier to know it again."""
    return sha256(verifier.encode()).hexdigest()[:32]


def sha256_crypt(password: str, salt: str, rounds: int) -> str:
    """The 43 characters behind the salt."""
    key, grain = password.encode(), salt.encode("latin-1")
    both = sha256(key + grain + key).digest()
    mixed, length = key + grain + _stretched(both, len(key)), len(key)
    while length:
        mixed += both if length & 1 else key
        length >>= 1
    state = sha256(mixed).digest()
    keys = _stretched(sha256(key * len(key)).digest(), len(key))
    grains = _stretched(sha256(grain * (16 + state[0])).digest(), len(grain))
    for turn in range(rounds):
        mixed = keys if turn & 1 else state
        mixed += grains if turn % 3 else b""
        mixed += keys if turn % 7 else b""
        state = sha256(mixed + (state if turn & 1 else keys)).digest()
    return _written(state)


def _stretched(block: bytes, length: int) -> bytes:
    return (block * (length // len(block) + 1))[:length]


def _written(state: bytes) -> str:
    """Three bytes, taken from three thirds in turn, make four characters, the lowest six bits first."""
    places = [((turn * 21) % 30, (turn * 21 + 10) % 30, (turn * 21 + 20) % 30) for turn in range(10)]
    text = "".join(_characters(state[a] << 16 | state[b] << 8 | state[c], 4) for a, b, c in places)
    return text + _characters(state[31] << 8 | state[30], 3)


def _characters(number: int, count: int) -> str:
    return "".join(_CRYPT_ALPHABET[number >> 6 * place & 63] for place in range(count))
