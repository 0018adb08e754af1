"""JSON objects as text that several people keep: a value is changed, and every other character stays as it is.

Reading the whole and writing it anew would not do: it loses the digits of long numbers, and the order and the form in
which somebody wrote it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, TypeGuard

#: Key -> where its value begins and ends in the text.
Places = Mapping[str, tuple[int, int]]

_DECODER = json.JSONDecoder()
_BLANKS = re.compile(r"[ \t\n\r]*")


def parsed(text: str | bytes) -> Any:
    """What JSON says. Raises ValueError, also where it is nested too deeply, for which Python has another error.

    Whoever writes a parameter or answers a request may nest as deeply as they like.
    """
    try:
        return json.loads(text)
    except RecursionError:
        pass
    raise ValueError("nested too deeply")


def places(text: str) -> Places | None:
    """Where the values of a JSON object stand; None when the text is none, or says a key twice."""
    if not _is_object(text):
        return None
    found: dict[str, tuple[int, int]] = {}
    at = _past_blanks(text, text.index("{") + 1)
    while text[at] != "}":
        key, at = _DECODER.raw_decode(text, at)
        begins = _past_blanks(text, _past_blanks(text, at) + 1)  # one for the colon
        _value, ends = _DECODER.raw_decode(text, begins)
        if key in found:
            return None
        found[key] = (begins, ends)
        at = _past_blanks(text, ends)
        if text[at] == ",":
            at = _past_blanks(text, at + 1)
    return found


def string_at(text: str, place: tuple[int, int]) -> str | None:
    """The string that stands there; None for any other value, and for what UTF-8 cannot write."""
    value = json.loads(text[slice(*place)])
    return value if is_text(value) else None


def is_text(value: object) -> TypeGuard[str]:
    r"""Whether it is a string that UTF-8 can write: JSON may hold half a character, `\ud800`."""
    try:
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:
        return False


def with_strings(text: str, there: Places, strings: Mapping[str, str]) -> str:
    """The text with these strings in the places of their keys."""
    for key in sorted(
        strings, key=lambda key: there[key], reverse=True
    ):  # the last first: places before it stay
        begins, ends = there[key]
        text = text[:begins] + json.dumps(strings[key], ensure_ascii=False) + text[ends:]
    return text


def _is_object(text: str) -> bool:
    try:
        return isinstance(parsed(text), dict)
    except ValueError:
        return False


def _past_blanks(text: str, at: int) -> int:
    found = _BLANKS.match(text, at)
    assert found is not None, "no blanks match, too"
    return found.end()
