"""People who want everything rotated all the time: as soon as a secret is idle, they ask for its next rotation.

Now and then they think better of it and want a rotation to go back, which it may refuse when it is too late.
"""

from __future__ import annotations

import random
import secrets
import threading

from rotator.model.errors import JournalAway
from rotator.model.requests import Request, RequestKind, RequestState
from rotator.model.rotation import Rotation, State
from tests.chaos.world import SECRETS, World

_PAUSE_SECONDS = 0.5
#: How many rotations somebody asks to go back.
_REGRETTED = 0.15


class Asking:
    """Runs in a thread of its own until `stop()`."""

    def __init__(self, world: World, seed: int) -> None:
        self._world, self._chance = world, random.Random(seed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="asking", daemon=True)
        self._asked: dict[str, Request] = {}
        self._seen: set[str] = set()

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Nobody asks any more."""
        self._stop.set()
        self._thread.join(60)

    def unfinished(self) -> list[str]:
        """What has not come to its end: rotations, and requests that wait for theirs. Raises JournalAway."""
        journal = self._world.journal
        rows = journal.rotations(unfinished=True)
        return [_standing(row) for row in rows] + [
            f"{request.about}: a request waits" for request in journal.requests(waiting=True)
        ]

    def lost(self) -> list[str]:
        """What the journal once knew, and does not any more, or did not do."""
        journal = self._world.journal
        requests = {request.id: request for request in journal.requests(waiting=False)}
        rotations = {rotation.id for rotation in journal.rotations()}
        found = [f"rotation {one} is gone" for one in self._seen - rotations]
        for asked in self._asked.values():
            became = requests.get(asked.id)
            if became is None:
                found.append(f"{asked.about}: request {asked.id} is gone")
            elif became.state is RequestState.REFUSED and became.kind is RequestKind.ROTATE:
                found.append(f"{asked.about}: request refused: {became.sentence}")
            elif became.kind is RequestKind.ROTATE and became.rotation not in rotations:
                found.append(f"{asked.about}: request {asked.id} was taken and became nothing")
        return found

    def _run(self) -> None:
        while not self._stop.wait(_PAUSE_SECONDS):
            try:
                self._ask()
            except JournalAway:
                continue  # the next turn asks again what was not kept

    def _ask(self) -> None:
        rows = self._world.journal.rotations(unfinished=True)
        waiting = {request.about for request in self._world.journal.requests(waiting=True)}
        for row in rows:
            if row.id not in self._seen and self._chance.random() < _REGRETTED:
                self._want(RequestKind.ROLL_BACK, row.id)
            self._seen.add(row.id)
        for secret in SECRETS:
            if secret.id not in waiting | {row.secret for row in rows}:
                self._want(RequestKind.ROTATE, secret.id)

    def _want(self, kind: RequestKind, about: str) -> None:
        now = self._world.journal.now()
        request = Request(id=secrets.token_hex(8), kind=kind, about=about, by="chaos", at=now)
        self._world.journal.add_request(request)
        self._asked[request.id] = request


def _standing(row: Rotation) -> str:
    parked = "parked" if row.state is State.PARKED else "active"
    return f"{row.secret}: {row.id} is {parked} at {row.phase} ({row.reason}): {row.sentence}"
