"""The names that a TAB completes: from the embedded journal's file, or as the last command saw them. Never from AWS.

Where the journal is PostgreSQL, each command leaves the names it met in the user's cache folder, because a TAB asks no
server either.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rotator.config.places import cache_file, journal_address
from rotator.journal.names import Names, names_in

if TYPE_CHECKING:
    from rotator.model.policy import Policies

_SQLITE = "sqlite:///"


def known_names() -> Names:
    """What is known here and now; nothing is an answer."""
    address = journal_address()
    if address.startswith(_SQLITE):
        return names_in(Path(address.removeprefix(_SQLITE)))
    try:
        kept = json.loads(_kept(address).read_text(encoding="utf-8"))
        return Names(tuple((secret, kind, owner) for secret, kind, owner in kept))
    except (OSError, ValueError, TypeError):
        return Names()


def remember_names(address: str, policies: Policies) -> None:
    """Keeps the names for the next TAB, where no file tells them; a folder that cannot be written is no trouble."""
    if address.startswith(_SQLITE):
        return
    text = json.dumps([[secret, one.type, one.owner] for secret, one in policies.secrets.items()])
    path = _kept(address)
    with suppress(OSError):
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh = path.with_suffix(f".{os.getpid()}")
            fresh.write_text(text, encoding="utf-8")
            fresh.replace(path)


def _kept(address: str) -> Path:
    """One file for each journal, told by where it is: neither user nor password is in the name."""
    scheme, _, rest = address.partition("://")
    place = hashlib.sha256(f"{scheme}://{rest.rpartition('@')[2]}".encode()).hexdigest()
    return cache_file(f"names-{place[:16]}.json")
