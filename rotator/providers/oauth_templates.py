"""Templates of an OAuth recipe: `${name}` and nothing else, escaped for the place where it stands.

There is no logic in them, so a recipe can be read by a person and cannot compute. What is filled in never becomes
structure: a slash in a path's value is no further segment, a quote in JSON ends no string, a line break is no header.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from rotator.model.errors import Refused
from rotator.model.secrets import Sealed

#: What templates may name, sealed: some of it is secret, and none of it is for messages.
Known = Mapping[str, Sealed]

_PLACE = re.compile(r"\$\{([^{}]*)\}")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
# RFC 9110, 5.5: visible characters and spaces; nothing that ends a line.
_HEADER = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")


def names_in(template: Any) -> set[str]:
    """What a template names, nested ones too. Raises ValueError where one is not well made."""
    return {name for text in _texts(template) for name in _names(text)}


def path(template: str, known: Known) -> str:
    """Each value is one segment, or a part of one: everything that means something in a URL is escaped."""
    filled = _PLACE.sub(lambda place: _segment(place[1], known), template)
    if any(segment in {".", ".."} for segment in filled.split("/")):
        raise Refused(f"a value makes the path {template} lead elsewhere; nothing was sent")
    return filled


def query(template: Mapping[str, str], known: Known) -> str:
    """`a=b&c=d`; values keep their meaning whatever is in them."""
    return urlencode({key: _filled(text, known) for key, text in template.items()}, quote_via=quote)


def form(template: Mapping[str, str], known: Known) -> bytes:
    """application/x-www-form-urlencoded. What is empty is left out: it means the same (RFC 6749, 3.2)."""
    filled = {key: _filled(text, known) for key, text in template.items()}
    return urlencode({key: value for key, value in filled.items() if value}).encode()


def json_body(template: Any, known: Known, onto: Mapping[str, Any] = {}) -> bytes:
    """JSON: values are strings, whatever is in them. Keys of `onto` that the template does not name stay."""
    filled = _nested(template, known)
    return json.dumps({**onto, **filled} if onto else filled).encode()


def text(template: str, known: Known) -> str:
    """As it is, for who encodes it next."""
    return _filled(template, known)


def header(template: str, known: Known) -> str:
    """One header's value. Raises Refused where it would break the line."""
    filled = _filled(template, known)
    if not _HEADER.fullmatch(filled):
        names = ", ".join(sorted(names_in(template)))
        raise Refused(f"what stands for {names} is no header: letters, digits and signs of one line are")
    return filled


def _texts(template: Any) -> Iterator[str]:
    if isinstance(template, str):
        yield template
    elif isinstance(template, Mapping):
        for below in template.values():
            yield from _texts(below)
    elif isinstance(template, list | tuple):
        for below in template:
            yield from _texts(below)


def _names(text: str) -> Iterator[str]:
    if "${" in _PLACE.sub("", text):
        raise ValueError("a template is ${name}, with nothing within it")
    for name in _PLACE.findall(text):
        if not _NAME.fullmatch(name):
            raise ValueError("a template is ${name}: small letters, digits and _, and no code")
        yield name


def _value(name: str, known: Known) -> str:
    if name not in known:
        raise Refused(f"the recipe names ${{{name}}}, and nobody says what that is; nothing was sent")
    return known[name].reveal()


def _segment(name: str, known: Known) -> str:
    value = _value(name, known)
    if not value:
        raise Refused(f"${{{name}}} is empty, and would change where the path leads; nothing was sent")
    return quote(value, safe="")


def _filled(text: str, known: Known) -> str:
    return _PLACE.sub(lambda place: _value(place[1], known), text)


def _nested(template: Any, known: Known) -> Any:
    if isinstance(template, str):
        return _filled(template, known)
    if isinstance(template, Mapping):
        return {key: _nested(below, known) for key, below in template.items()}
    if isinstance(template, list | tuple):
        return [_nested(below, known) for below in template]
    return template
