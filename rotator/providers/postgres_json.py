"""A JSON object in one parameter, as consumers of a PostgreSQL read it: made from a map, read by its members' names."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rotator.model.json_text import parsed

#: What a member may be called -> libpq's word. In any case, and with libpq's prefix: PGUSER, PGDATABASE.
_NAMES = {
    "user": "user",
    "username": "user",
    "password": "password",
    "host": "host",
    "hostname": "host",
    "port": "port",
    "dbname": "dbname",
    "database": "dbname",
    "sslmode": "sslmode",
    "sslrootcert": "sslrootcert",
}
_POSTGRES = re.compile(r"(jdbc:)?postgres(ql)?(\+\w+)?://")


def render(template: Mapping[str, Any], url: Callable[[str], str], user: str, password: str) -> str:
    """The template's map as JSON. A member that is a blank holds the text itself; a URL with blanks `url` fills in."""
    texts = {"{user}": user, "{password}": password}

    def filled(value: Any) -> Any:
        if value in texts:
            return texts[value]
        return url(value) if _has_blank(value) else value

    return json.dumps({name: filled(value) for name, value in template.items()})


def members(text: str) -> dict[str, Any] | None:
    """The members of a JSON object; None when the text is none."""
    try:
        read = parsed(text)
    except ValueError:
        return None
    return read if isinstance(read, dict) else None


def named(document: Mapping[str, Any]) -> dict[str, str]:
    """The parameters for libpq that members say by their names."""
    return {
        word: str(value)
        for name, value in document.items()
        if (word := _word(name)) and isinstance(value, str | int)
    }


def urls(document: Mapping[str, Any]) -> Iterator[str]:
    """The members that hold a whole connection URL."""
    for name, value in document.items():
        if not _word(name) and isinstance(value, str) and _POSTGRES.match(value):
            yield value


def changed(template: Mapping[str, Any], document: Mapping[str, Any]) -> list[str]:
    """Members besides user and password that would not be what they are, if the template took the document's place."""
    return [
        name
        for name, value in document.items()
        if name not in template or (template[name] != value and not _has_blank(template[name]))
    ]


def blanks(template: Mapping[str, Any]) -> str:
    """All texts with something to fill in."""
    return " ".join(value for value in template.values() if _has_blank(value))


def _has_blank(value: Any) -> bool:
    return isinstance(value, str) and "{" in value


def _word(name: str) -> str | None:
    return _NAMES.get(name.lower().removeprefix("pg"))
