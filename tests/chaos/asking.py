"""People who want everything rotated all the time: as soon as a secret is idle, they ask for its next rotation."""

from __future__ import annotations

import secrets as chance
import threading

from rotator.model.errors import JournalAway
from rotator.model.requests import Request, RequestKind, RequestState
from rotator.model.rotation import Rotation, State
from tests.chaos.world import SECRETS, World

_PAUSE_SECONDS = 0.5


class Asking:
    """Runs in a thread of its own until `stop()`."""

    def __init__(self, world: World) -> None:
        self._world = world
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
            elif became.state is RequestState.REFUSED:
                found.append(f"{asked.about}: request refused: {became.sentence}")
            elif became.state is RequestState.TAKEN and became.rotation not in rotations:
                found.append(f"{asked.about}: request {asked.id} was taken and became nothing")
        return found

    def _run(self) -> None:
        while not self._stop.wait(_PAUSE_SECONDS):
            try:
                self._ask()
            except JournalAway:
                continue  # the next turn asks again what was not kept

    def _ask(self) -> None:
        journal = self._world.journal
        rows = journal.rotations(unfinished=True)
        self._seen |= {row.id for row in rows}
        busy = {row.secret for row in rows} | {request.about for request in journal.requests(waiting=True)}
        for secret in SECRETS:
            if secret.id not in busy:
                request = Request(
                    id=chance.token_hex(8),
                    kind=RequestKind.ROTATE,
                    about=secret.id,
                    by="chaos",
                    at=journal.now(),
                )
                journal.add_request(request)
                self._asked[request.id] = request


def _standing(row: Rotation) -> str:
    parked = "parked" if row.state is State.PARKED else "active"
    return f"{row.secret}: {row.id} is {parked} at {row.phase} ({row.reason}): {row.sentence}"
