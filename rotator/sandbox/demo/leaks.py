"""The search for values in plain sight: every file, page and message of the demo, and every spelling of every value."""

from __future__ import annotations

import email
import email.policy
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rotator.sandbox.people import PeopleControl
from rotator.testing.spellings import Search

#: PostgreSQL keeps verifiers, never passwords; its data is large, and its own business.
_OF_POSTGRES = "data"


def leaks(values: Mapping[str | bytes, str], places: Mapping[str, bytes]) -> list[str]:
    """`<name of the value>: in <place>` for each that stands in one; never the value. `values` -> the name of each."""
    search = Search(values)
    return [f"{name}: in {place}" for place, text in places.items() for name in sorted(search.found_in(text))]


def files_below(folder: Path) -> dict[str, bytes]:
    """Everything that was written to disk: journal, logs, policies, the sandbox's own files."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and _OF_POSTGRES not in path.relative_to(folder).parts
    }


def messages_of(people: PeopleControl) -> dict[str, bytes]:
    """What reached people, as it came and as a reader sees it."""
    seen = people.messages()
    places = {"Slack and mail, as they came": "\n".join(people.raw()).encode()}
    for number, message in enumerate(seen["slack"], 1):
        places[f"Slack message {number}"] = "\n".join(_texts(message)).encode()
    for number, mail in enumerate(seen["mail"], 1):
        places[f"mail {number}"] = readable(mail["raw"])
    return places


def readable(mail: str) -> bytes:
    """A mail as it came, and decoded: headers, and every part without its transfer encoding and its soft breaks."""
    parsed = email.message_from_string(mail, policy=email.policy.default)
    parts = [mail.encode()]
    for part in parsed.walk():  # the mail itself is the first
        content = part.get_payload(decode=True)
        parts += [f"{name}: {text}".encode() for name, text in part.items()]
        parts += [content] if isinstance(content, bytes) else []
    return b"\n".join(parts)


def _texts(part: Any) -> Iterator[str]:
    """Every key and every value in it."""
    if isinstance(part, dict):
        part = [*part.keys(), *part.values()]
    if isinstance(part, list):
        for each in part:
            yield from _texts(each)
    else:
        yield part if isinstance(part, str) else json.dumps(part)
