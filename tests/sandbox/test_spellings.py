"""A value is found in whatever spelling it is shown, and nothing is found where there is none."""

from __future__ import annotations

import base64
import html
import json
import re
import secrets
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest

from rotator.testing.spellings import SHORTEST, Search, betrays, spellings

#: With characters that every quoting changes.
VALUE = f'{secrets.token_urlsafe(16)}/+&"é<{secrets.token_urlsafe(16)}'

SPELLED: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "backwards": lambda value: value.encode()[::-1].decode(errors="surrogateescape"),
    "hex": lambda value: value.encode().hex(),
    "HEX": lambda value: value.encode().hex().upper(),
    "URL": lambda value: quote(value, safe=""),
    "url": lambda value: re.sub("%..", lambda found: found[0].lower(), quote(value, safe="")),
    "form": quote_plus,
    "JSON": json.dumps,
    "JSON as UTF-8": lambda value: json.dumps(value, ensure_ascii=False),
    "HTML": html.escape,
    "its first half": lambda value: value[: len(value) // 2],
    "its second half": lambda value: value[len(value) // 2 :],
}


def found(text: str) -> bool:
    raw = text.encode(errors="surrogateescape")
    return Search({VALUE: "it"}).found_in(b"some words " + raw + b" and more") == {"it"}


@pytest.mark.parametrize("spelled", SPELLED.values(), ids=SPELLED)
def test_a_value_is_found(spelled: Callable[[str], str]) -> None:
    assert found(spelled(VALUE))


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("before", [b"", b"x", b"xy", b"xyz", b'{"value": "'])
@pytest.mark.parametrize("after", [b"", b"x", b"xy", b'"}'])
def test_a_value_is_found_in_base64_of_something_longer(
    encode: Callable[[bytes], bytes], before: bytes, after: bytes
) -> None:
    assert found(encode(before + VALUE.encode() + after).decode())


def test_bytes_that_are_no_text_are_found_too() -> None:
    key = b"\xff" + secrets.token_bytes(31)
    assert Search({key: "a key"}).found_in(b"key " + base64.b64encode(key)) == {"a key"}
    assert Search({key: "a key"}).found_in(key.hex().encode()) == {"a key"}


def test_nothing_is_found_where_nothing_is() -> None:
    assert not found(secrets.token_urlsafe(2000))
    assert not betrays("nothing of the kind", VALUE)
    assert betrays(f"so {VALUE} it is", VALUE)


def test_each_of_many_values_is_found_by_its_name() -> None:
    values: dict[str | bytes, str] = {secrets.token_hex(16): f"value {number}" for number in range(50)}
    text = " ".join(value.encode().hex() for value in map(str, values)).encode()
    assert Search(values).found_in(text) == set(values.values())


def test_no_spelling_is_so_short_that_chance_would_find_it() -> None:
    for value in (VALUE, secrets.token_hex(5), secrets.token_hex(11)):
        assert min(map(len, spellings(value))) >= SHORTEST


def test_a_value_that_chance_would_find_is_refused_and_not_skipped() -> None:
    with pytest.raises(ValueError, match="by chance"):
        spellings("x" * (SHORTEST - 1))
