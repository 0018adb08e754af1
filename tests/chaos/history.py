"""What happened, as it is seen from outside: the versions that the store kept, and what the source was told.

The store's history is read again and again, because a parameter keeps its last hundred versions only.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from tests.chaos.world import SECRETS, World

_READ_EVERY = 15.0
_LINE = re.compile(r"^(?P<at>\d+\.\d+) (?P<session>\d+) LOG:  (?:statement|execute [^:]*): (?P<said>.*)$")
_CLOSED = re.compile(r'ALTER ROLE "(?P<role>[^"]+)" NOLOGIN')
_HOLDER = re.compile(r'COMMENT ON ROLE "(?P<role>[^"]+)" IS .*\[rotator:(?P<holder>[^\]\s]+)')


class Version(NamedTuple):
    """One version of a parameter; `at` is seconds since the epoch, as all moments here."""

    number: int
    value: str
    at: float


class Invalidated(NamedTuple):
    """A credential of a secret that its source has ended; a login at the moment of the commit.

    `label` is the rotation that it was made by, where the source says so.
    """

    secret: str
    credential: str
    at: float
    label: str = ""


class StoreHistory:
    """Every version of every parameter that consumers read; gathered in a thread of its own until `stop()`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._kept: dict[str, dict[int, Version]] = {
            name: {} for secret in SECRETS for name in secret.parameters
        }
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="history", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._gather()
        self._thread.start()

    def stop(self) -> None:
        """Ends, with everything until now."""
        self._stop.set()
        self._thread.join(60)
        self._gather()

    def of(self, parameter: str) -> list[Version]:
        """All versions of a parameter, oldest first."""
        return [version for _, version in sorted(self._kept[parameter].items())]

    def _run(self) -> None:
        while not self._stop.wait(_READ_EVERY):
            with suppress(BotoCoreError, ClientError):  # what is missed now is there at the next turn
                self._gather()

    def _gather(self) -> None:
        pages = self._world.store.client.get_paginator("get_parameter_history")
        for name, kept in self._kept.items():
            for page in pages.paginate(Name=name, WithDecryption=True):
                for one in page["Parameters"]:
                    at: datetime = one["LastModifiedDate"]
                    kept[one["Version"]] = Version(one["Version"], one["Value"], at.timestamp())


def invalidated(world: World) -> list[Invalidated]:
    """Every login that was taken from a role of ours, by the servers' own logs, and every key that was deleted."""
    found: list[Invalidated] = []
    for secret in SECRETS:
        if secret.source == "postgres":
            log = world.databases[secret.environment].log
            found += [Invalidated(secret.id, credential, at) for credential, at in closings(log)]
        elif secret.accepted is None:
            deleted = world.vendor.deleted(secret.environment)
            found += [Invalidated(secret.id, one.sid, one.at, one.label) for one in deleted]
    return found


def closings(log: Path) -> Iterator[tuple[str, float]]:
    """(credential, moment of the commit) for each committed NOLOGIN; whose it was stands in the comment after it."""
    closed: dict[str, str] = {}  # session -> role, later the credential
    for line in log.read_text(errors="replace").splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        session, said = match["session"], match["said"]
        if said.startswith("BEGIN"):
            closed.pop(session, None)
        elif role := _CLOSED.match(said):
            closed[session] = role["role"]
        elif (holder := _HOLDER.match(said)) and closed.get(session) == holder["role"]:
            closed[session] = f"{holder['role']}@{holder['holder']}"
        elif said.startswith("COMMIT") and session in closed:
            yield closed.pop(session), float(match["at"])
