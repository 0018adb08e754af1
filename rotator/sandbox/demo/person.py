"""A person of the company, who does what rotator asks people to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from rotator.model.rotation import Reason, Rotation
from rotator.sandbox.customers import CUSTOMERS
from rotator.sandbox.demo.looks import Onlooker
from rotator.sandbox.demo.world import World


@dataclass
class Person:
    """`onlooker` runs the verbs, and `tell` is how the story goes on."""

    world: World
    onlooker: Onlooker
    tell: Callable[[str], None]
    _handed: dict[str, int] = field(default_factory=dict)  # rotation -> customers that have its successor
    _approved: set[str] = field(default_factory=set)

    def see(self, rotation: Rotation) -> None:
        """Looks at a rotation, and does the next thing that it waits for."""
        if rotation.reason is Reason.AWAITING_YES and rotation.id not in self._approved:
            self._say_yes(rotation)

    def _say_yes(self, rotation: Rotation) -> None:
        """Hands the new key to one customer after the other, and says yes when all have it."""
        handed = self._handed.get(rotation.id, 0)
        if handed < CUSTOMERS:
            key = self.world.known.current(rotation.recipe.fields["value"])
            self.world.hand_over(rotation.recipe.environment, handed, key)
            self._handed[rotation.id] = handed + 1
        elif self.onlooker.run(["approve", rotation.id, "--reason", "all customers have the new key"]) == 0:
            self._approved.add(rotation.id)
            self.tell(
                f"{rotation.secret}: all customers have the new key, a person said yes to its last step"
            )
