"""Leaving a request in the journal: all that the command line ever writes."""

from __future__ import annotations

import getpass
import secrets
from datetime import datetime
from functools import cache

from rotator.cli.show import say
from rotator.contracts.journal import Journal
from rotator.model.requests import Basis, Request, RequestKind


def ask(
    journal: Journal,
    kind: RequestKind,
    about: str,
    reason: str,
    *,
    until: datetime | None = None,
    basis: Basis | None = None,
) -> Request:
    """Keeps a request in the name of whoever is at the terminal."""
    request = drafted(journal, kind, about, reason).model_copy(update={"until": until, "basis": basis})
    journal.add_request(request)
    return request


def drafted(journal: Journal, kind: RequestKind, about: str, reason: str) -> Request:
    """The same, not kept yet."""
    return Request(
        id=secrets.token_hex(10),
        kind=kind,
        about=about,
        by=_person(),
        because=reason,
        at=journal.now(),
    )


@cache
def _person() -> str:
    """Who is at the terminal, by LOGNAME or the system's list of users. It is said once where that is not known."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        say("your name is not known here and the record says somebody; set LOGNAME")
        return "somebody"
