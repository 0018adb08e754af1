"""A person of the company, who does what rotator asks people to do: makes credentials, ends them, and says yes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Self

from rotator.contracts.journal import Journal
from rotator.engine.decisions import decisions
from rotator.engine.standing import Standing
from rotator.model.policy import Policies, SecretPolicy
from rotator.model.rotation import Reason, Rotation
from rotator.sandbox.customers import CUSTOMERS
from rotator.sandbox.demo.known import secret_parameter
from rotator.sandbox.demo.looks import Onlooker
from rotator.sandbox.demo.world import World

_BETWEEN_LOOKS, _NOTICED_AFTER = 0.4, 2.0
#: While KMS is in trouble nothing can be sealed, and `submit` asks to come again.
_TRIES = 3


@dataclass
class Person:
    """Enter it to have him work; leave it and he stops. `onlooker` runs the verbs, `tell` is how the story goes on."""

    world: World
    journal: Journal
    policies: Policies
    onlooker: Onlooker
    tell: Callable[[str], None]
    submitted: int = 0
    _handed: dict[str, int] = field(default_factory=dict)  # rotation -> customers that have its successor
    _asked: dict[str, float] = field(default_factory=dict)  # secret -> since when one is asked for
    _approved: set[str] = field(default_factory=set)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _working: Future[None] | None = None

    def __enter__(self) -> Self:
        workers = ThreadPoolExecutor(1)
        self._working = workers.submit(self._work)
        workers.shutdown(wait=False)
        return self

    def __exit__(self, *_: object) -> None:
        """Raises what went wrong."""
        self._stopping.set()
        if self._working is not None:
            self._working.result()

    def _work(self) -> None:
        while not self._stopping.wait(_BETWEEN_LOOKS):
            for rotation in self.journal.rotations(unfinished=True):
                self.see(rotation)
            self.look_around()
        self.clean_up()

    def look_around(self) -> None:
        """Makes what rotator waits for, and submits it; what is asked for a moment only, nobody gets to see."""
        now, before = time.monotonic(), self._asked
        wanted = [
            name
            for name, entry in decisions(self.journal, self.policies).items()
            if entry.decision.standing is Standing.AWAITING_VALUE
        ]
        self._asked = {name: before.get(name, now) for name in wanted}
        for name, since in self._asked.items():
            if now - since > _NOTICED_AFTER and not self._stopping.is_set():
                self._submit(self.policies.secrets[name])

    def see(self, rotation: Rotation) -> None:
        """Looks at a rotation under way, and does the next thing that it waits for."""
        secret = self.policies.secrets[rotation.secret]
        if rotation.reason is Reason.AWAITING_END:
            self._end_older(secret)
        elif rotation.reason is Reason.AWAITING_YES and rotation.id not in self._approved:
            if secret.submitted:
                self._end_older(secret)
                self._approve(rotation, "the old one is deleted")
            elif self._customers_have(rotation) and self._approve(rotation, "all customers have the new key"):
                self.tell(
                    f"{rotation.secret}: all customers have the new key, and a person said yes to its last step"
                )

    def clean_up(self) -> None:
        """Ends what was submitted for rotations that were undone: nobody reads it."""
        for name, history in self.journal.histories().items():
            undone, done = history.last_undone, history.last_done
            late = undone is not None and (done is None or done.opened_at < undone.opened_at)
            if late and history.active is None and self.policies.secrets[name].submitted:
                self._end_older(self.policies.secrets[name])

    def _submit(self, secret: SecretPolicy) -> None:
        first = self.world.known.current(secret_parameter(secret))
        self._end_older(secret)
        made = self.world.consoles.make(secret, first)
        self.world.known.note(f"what a person made for {secret.secret}", made)
        words = ["submit", secret.secret, "--no-wait"]
        if all(self.onlooker.run(words, made) != 0 for _ in range(_TRIES)):
            self.onlooker.failed.append(f"rotator {' '.join(words)}, {_TRIES} times")
        else:
            self.submitted += 1
            if self.submitted == 1:
                self.tell(
                    f"{secret.secret}: nobody but a person can make one; they made it and handed it to `rotator submit`"
                )

    def _end_older(self, secret: SecretPolicy) -> None:
        self.world.consoles.end(secret, keep=self.world.known.current(secret_parameter(secret)))

    def _customers_have(self, rotation: Rotation) -> bool:
        """Hands the new key to one customer after the other; whether all have it."""
        handed = self._handed.get(rotation.id, 0)
        if handed < CUSTOMERS:
            key = self.world.known.current(rotation.recipe.fields["value"])
            self.world.hand_over(rotation.recipe.environment, handed, key)
            self._handed[rotation.id] = handed + 1
        return handed == CUSTOMERS

    def _approve(self, rotation: Rotation, reason: str) -> bool:
        """Whether it was taken; else it is tried again at the next look."""
        taken = self.onlooker.run(["approve", rotation.id, "--reason", reason]) == 0
        if taken:
            self._approved.add(rotation.id)
        return taken
