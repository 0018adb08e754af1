"""How a value may be spelled where it must not stand: what every search for leaks looks for.

As it is, in hex, in base64 in the middle of something else, as a URL, a JSON text or a page quote it, and backwards.
A long value is looked for by its halves: whoever shows half of it has shown too much. (No pytest here: the sandbox
searches too.)
"""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote, quote_plus

#: Shorter texts would be found by chance.
SHORTEST = 10


def spellings(value: str | bytes) -> frozenset[bytes]:
    """Texts of which one stands wherever the value stands; none is shorter than SHORTEST.

    Raises ValueError for a value that is shorter: nobody can search for it.
    """
    raw = value.encode() if isinstance(value, str) else value
    if len(raw) < SHORTEST:
        raise ValueError(f"a value of {len(raw)} bytes would be found by chance")
    halves = (raw[: len(raw) // 2], raw[len(raw) // 2 :]) if len(raw) >= 2 * SHORTEST else (raw,)
    return frozenset(text for half in halves for text in _spelled(half))


def betrays(text: str, value: str) -> bool:
    """Whether a value, in any spelling, stands in a text."""
    return any(spelling in text.encode() for spelling in spellings(value))


class Search:
    """A search for many values at once: its cost is that of the text, however many there are."""

    def __init__(self, values: Mapping[str | bytes, str]) -> None:
        """`values` -> the name that may be said for each."""
        self._by_head: dict[bytes, list[tuple[bytes, str]]] = {}
        for value, name in values.items():
            for spelling in spellings(value):
                self._by_head.setdefault(spelling[:SHORTEST], []).append((spelling, name))

    def found_in(self, text: bytes) -> set[str]:
        """Names of the values that stand in `text`."""
        return {
            name
            for at in range(len(text) - SHORTEST + 1)
            for spelling, name in self._by_head.get(text[at : at + SHORTEST], ())
            if text.startswith(spelling, at)
        }


def _spelled(raw: bytes) -> Iterator[bytes]:
    yield raw
    yield raw[::-1]
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    for quoted in (quote(raw, safe=""), quote_plus(raw)):
        yield quoted.encode()
        yield _in_lower_case(quoted).encode()
    yield from _in_radix_64(raw)
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return
    yield json.dumps(text)[1:-1].encode()
    yield json.dumps(text, ensure_ascii=False)[1:-1].encode()
    yield html.escape(text).encode()


def _in_lower_case(quoted: str) -> str:
    """`%2F` as `%2f`."""
    head, *rest = quoted.split("%")
    return "%".join([head, *(part[:2].lower() + part[2:] for part in rest)])


def _in_radix_64(raw: bytes) -> Iterable[bytes]:
    """In base64, in both alphabets, after any number of bytes: without the characters that a neighbour changes."""
    for before in range(3):
        first, last = (before * 8 + 5) // 6, (before + len(raw)) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(b"\0" * before + raw)[first:last]
