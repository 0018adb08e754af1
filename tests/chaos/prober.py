"""The prober: uses what consumers hold, and what one that started now would read, all the time and as they would.

A refusal counts only if it cannot be the prober's own slowness: the instance still lives, or the store still says so,
after the refusal as before it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping

from tests.chaos.world import ENVIRONMENTS, SECRETS, World
from tests.company.consumers import Instance, Reading
from tests.company.secret import Held, UsedSecret

_PAUSE_SECONDS = 0.1


class Prober:
    """Runs in a thread of its own until `stop()`. `dark`: what was refused, each once."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="prober", daemon=True)
        self._found: dict[tuple[str, str], str] = {}
        self.looks = 0

    @property
    def dark(self) -> list[str]:
        """One line for each value that was refused."""
        return list(self._found.values())

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Ends, after a last look."""
        self._stop.set()
        self._thread.join(60)

    def _run(self) -> None:
        while not self._stop.wait(_PAUSE_SECONDS):
            self._look_everywhere()
        self._look_everywhere()

    def _look_everywhere(self) -> None:
        for environment in ENVIRONMENTS:
            self._look(environment)
            self.looks += 1

    def _look(self, environment: str) -> None:
        living = self._world.consumers.living(environment)
        reading = self._world.read(environment)
        if self._world.consumers.living(environment) is not living:
            return  # then what was read and who lived were not there at the same time
        for secret in SECRETS:
            if secret.environment == environment:
                refused = self._bearers if secret.accepted else self._logins
                for value, who in refused(secret, living, reading):
                    moment = time.strftime("%H:%M:%S")
                    self._found.setdefault((secret.id, value), f"{secret.id}: {who} is refused at {moment}")

    def _bearers(
        self, secret: UsedSecret, living: tuple[Instance, ...], reading: Reading
    ) -> Iterator[tuple[str, str]]:
        """What anybody makes is accepted by everybody; all of them were there at the moment of the reading."""
        everybody = _everybody(living, reading)
        for signer, held in everybody.items():
            bearer = secret.bearer(held)
            for verifier, theirs in everybody.items():
                if not secret.accepts(theirs, bearer):
                    yield held[secret.parameter], f"{signer} by {verifier}"

    def _logins(
        self, secret: UsedSecret, living: tuple[Instance, ...], reading: Reading
    ) -> Iterator[tuple[str, str]]:
        for who, held in _everybody(living, reading).items():
            value = held[secret.parameter]
            if not self._world.lets_in(secret, value) and self._still(secret, value):
                yield value, who

    def _still(self, secret: UsedSecret, value: str) -> bool:
        """Whether anybody lives by the value now."""
        reading = self._world.read(secret.environment)
        living = self._world.consumers.living(secret.environment)
        return value in {held[secret.parameter] for held in _everybody(living, reading).values()}


def _everybody(living: tuple[Instance, ...], reading: Reading) -> Mapping[str, Held]:
    """Who lives, and one that starts now."""
    return {
        **{f"instance {number}": instance.held for number, instance in enumerate(living)},
        "an instance that starts now": reading.values,
    }
