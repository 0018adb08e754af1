"""JSON from whoever may write a parameter or answer a request: what nobody can read is said to be that."""

from __future__ import annotations

import pytest

from rotator.model.json_text import is_text, parsed
from rotator.model.jwks import public_thumbprint
from rotator.model.secrets import AcceptedSet, MalformedSet, Sealed
from rotator.providers.jwt_keys import as_jwk
from rotator.providers.oauth_http import moment
from rotator.providers.postgres_dsn import MalformedDsn, parameters

DEEP = "[" * 3000 + "]" * 3000
HALF = "\\ud800"


def test_what_is_nested_too_deeply_is_no_json() -> None:
    for text in (DEEP, DEEP.encode()):
        with pytest.raises(ValueError, match="too deeply"):
            parsed(text)
    assert parsed('{"a": [1]}') == {"a": [1]}


@pytest.mark.parametrize(
    "text", [DEEP, f'{{"keys": {DEEP}}}', f'["{HALF}"]', f'["a-value", "{HALF}"]'],
    ids=["deep", "deep keys", "half a character", "one of two"],
)  # fmt: skip
def test_an_accepted_set_that_nobody_can_read_is_malformed(text: str) -> None:
    with pytest.raises(MalformedSet) as malformed:
        AcceptedSet.parse(Sealed(text))
    assert malformed.value.__context__ is None
    assert HALF not in str(malformed.value)


def test_keys_that_nobody_can_read_are_none() -> None:
    for text in (DEEP, f'{{"kty": "RSA", "e": "AQAB", "n": "{HALF}"}}'):
        assert public_thumbprint(text) is None
    assert as_jwk(DEEP) is None
    assert not is_text(5)


def test_a_connection_string_that_nobody_can_read_is_malformed() -> None:
    with pytest.raises(MalformedDsn):
        parameters(f'{{"user": {DEEP}}}')


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "2026-01-01", 5])
def test_a_moment_of_no_year_is_none(text: object) -> None:
    assert moment(text) is None
