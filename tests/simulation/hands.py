"""What people do by hand, at a source and in a store, past rotator."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from rotator.contracts.provider import Overlap
from rotator.model.policy import SecretPolicy
from tests.simulation.schedule import HOUR
from tests.simulation.source import GONE, LIVE, Held, Values

if TYPE_CHECKING:
    from tests.simulation.world import World


class Hands:
    """Somebody with a console, and the permissions of an administrator."""

    def __init__(self, world: World, random: Random) -> None:
        self.world, self.random = world, random

    def foreign_key(self, policy: SecretPolicy) -> None:
        """Somebody makes a credential by hand."""
        self._made(policy)

    def change(self, policy: SecretPolicy) -> bool:
        """Somebody rotates by hand: makes a credential, writes it into the store. Whether that was possible."""
        made = self._made(policy)
        if made is not None:
            self.world.promises.established |= {made.id}
            self._put_values(policy, made.values)
        return made is not None

    def save_again(self, policy: SecretPolicy) -> None:
        """Somebody saves the same value."""
        current = self.world.current(policy.secret)
        if current:
            self._put_values(policy, current)

    def write(self, policy: SecretPolicy) -> None:
        """Somebody writes something that works."""
        if not self.change(policy):
            self.save_again(policy)

    def remove(self, policy: SecretPolicy) -> None:
        """Somebody removes the credential in use at its source: consumers are dark, and not by us."""
        source, current = self.world.sources[policy.secret], self.world.current(policy.secret)
        held = source.find(current) if current else None
        if held is not None and held.state == LIVE:
            held.state, held.refused_from, held.listed_until = GONE, self.world.now, self.world.now
            self.world.broken |= set(held.values.values())

    def put_back(self, policy: SecretPolicy) -> None:
        """Somebody thinks that the newest version is the trouble, and puts the one before it back."""
        source, parameters = self.world.sources[policy.secret], self.world.stores[policy.environment].by_name
        if policy.recipe.one_parameter:
            return  # nobody takes an edit of somebody else back with it
        there = [parameters[name] for name in policy.recipe.fields.values()]
        if source.traits.shared or any(parameter.version < 2 for parameter in there):
            return
        earlier = {
            field: parameter.values[-2] for field, parameter in zip(policy.recipe.fields, there, strict=True)
        }
        held = source.find(earlier)
        if held is None or held.state != LIVE:
            return  # what they try does not work, and they notice
        self._put_values(policy, earlier)

    def garbage(self, policy: SecretPolicy) -> None:
        """Somebody writes nonsense."""
        nonsense = self.world.new_values(("oops",))["oops"]
        self.world.broken.add(nonsense)
        self._put(policy, self.random.choice(list(policy.recipe.fields.values())), nonsense)

    def straggler(self, policy: SecretPolicy) -> None:
        """A script that nobody knows of uses the credential of now for some time."""
        source = self.world.sources[policy.secret]
        values = self.world.current(source.secret)
        held = source.find(values) if values else None
        if held is not None and held.state == LIVE:
            source.stragglers[held.id] = self.world.now + self.random.uniform(0.5, 3) * HOUR

    def _made(self, policy: SecretPolicy) -> Held | None:
        source, world = self.world.sources[policy.secret], self.world
        if source.traits.shared or source.traits.overlap is Overlap.NONE:
            return None
        if source.slots is not None and source.occupied() >= source.slots:
            return None
        world.ids += 1
        made = Held(
            id=f"{source.principal}#by-hand-{world.ids}",
            values=world.new_values(source.fields),
            maker="person",
            label="terraform",
            created_at=world.now,
            beside=source.traits.promotes,
        )
        source.held[made.id] = made
        return made

    def _put_values(self, policy: SecretPolicy, values: Values) -> None:
        for name, text in self.world.texts(policy.secret, values).items():
            self._put(policy, name, text)

    def _put(self, policy: SecretPolicy, name: str, value: str) -> None:
        world = self.world
        world.promises.recorded |= world.values_in(name, value)
        world.promises.by_hand |= world.values_in(name, value)
        world.promises.touched.add(name)
        world.promises.note_replaced(policy.secret, name)
        world.leftovers.replaced_by_hand(policy.secret)
        world.stores[policy.environment].put(name, value, world.now, "somebody")
