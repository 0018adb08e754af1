"""The promises P1 to P6 as invariants over the world, checked after every I/O.

P1 and P4 are looked at whenever an effect has changed something; what is only so at rest is looked at in the end
(`endings.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotator.contracts.provider import Overlap, Sight
from rotator.model.rotation import Death
from tests.simulation.consumers import Instance, members
from tests.simulation.source import DISABLED, LIVE, Held, Source, Values
from tests.simulation.violation import Violated

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rotator.model.rotation import Rotation
    from tests.simulation.world import World


class Promises:
    """What must be so at any moment."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.dirty = True
        self.recorded: set[str] = (
            set()
        )  # values that the journal (sealed) or the store kept before they were used
        self.established: set[str] = (
            set()
        )  # ids and shared values that were current at rest: grace protects them
        self.dropped_at: dict[tuple[str, str], float] = {}  # (secret, value) -> when an instance last held it
        self.signed_at: dict[str, dict[str, float]] = {}  # shared secret -> value -> when last signed with
        self.touched: set[str] = set()  # parameters that people wrote
        self.by_hand: set[str] = set()  # values that people wrote
        self.dark_since: dict[str, float] = {}
        self.dark_longest = 0.0

    def check(self) -> None:
        """P1, for every secret, if anything has changed."""
        if not self.dirty:
            return
        self.dirty = False
        for secret, source in self.world.sources.items():
            if source.traits.shared:
                self._tokens(secret, source)
            else:
                self._logins(secret, source)
            if source.traits.verified:
                self._signatures(secret, source)

    # P1

    def _logins(self, secret: str, source: Source) -> None:
        world, dark = self.world, ""
        for workload in world.consumers(secret):
            for instance in workload.living():
                if not self._excused(instance, secret) and not self._good(
                    source, world.holds(instance, secret)
                ):
                    dark = (
                        f"an instance of {workload.id} holds a credential of {secret} that its source refuses"
                    )
        if not self._good(source, world.current(secret)):
            dark = f"the store names a credential of {secret} that its source refuses"
        if not dark:
            began = self.dark_since.pop(secret, None)
            self.dark_longest = max(self.dark_longest, world.now - began if began is not None else 0.0)
        elif source.traits.overlap is Overlap.NONE:
            self.dark_since.setdefault(secret, world.now)
        else:
            raise Violated("P1 never dark", dark)

    def _excused(self, instance: Instance, secret: str) -> bool:
        """Left behind by a rollout that lied, where nothing shows it (or nobody had the time to look)."""
        return instance.unseeable or (instance.left_behind and self._hurried(secret))

    def _hurried(self, secret: str) -> bool:
        """An emergency at a source that shows use only later: nobody waits for what it would show."""
        return secret in self.world.emergencies and self.world.sources[secret].traits.sight is Sight.LAGGING

    def _good(self, source: Source, values: Values | None) -> bool:
        if values is None or not self.world.broken.isdisjoint(values.values()):
            return True
        torn_ok = self.world.shape.secrets[source.secret].policy.recipe.torn_ok
        if torn_ok and source.find(values) is None:
            return True  # read between two writes, which the policy allows (torn_ok)
        return source.accepts(values, self.world.now)

    def _tokens(self, secret: str, source: Source) -> None:
        """Nobody's token is refused: of signers that live, that lived a moment ago, that start right now."""
        world, name = self.world, self.world.accepted_names[secret]
        verifiers = [
            instance
            for workload in world.consumers(secret)
            for instance in workload.living()
            if not instance.unseeable
        ]
        signed = self.signed_at.setdefault(secret, {})
        for instance in verifiers:
            values = world.holds(instance, secret)
            if values:
                signed[values["value"]] = world.now
        current = world.current(secret)
        if current:
            signed[current["value"]] = world.now
        grace = world.shape.secrets[secret].policy.recipe.grace.total_seconds()
        lifetime = 0.0 if secret in world.emergencies else 0.9 * grace
        valid = {
            value for value, at in signed.items() if at >= world.now - lifetime and value not in world.broken
        }
        store = world.stores[world.shape.secrets[secret].policy.environment].by_name.get(name)
        if store is not None and not valid <= members(store.value) and not self._broken_set(store.value):
            raise Violated(
                "P1 never dark", f"a verifier of {secret} that starts now refuses tokens that are valid"
            )
        for instance in verifiers:
            if not valid <= instance.accepted_set(name) and not self._broken_set(instance.accepted(name)):
                raise Violated("P1 never dark", f"a verifier of {secret} refuses tokens that are valid")

    def _signatures(self, secret: str, source: Source) -> None:
        """What the source signs is believed by every verifier, and by one that starts now."""
        world, name = self.world, self.world.accepted_names[secret]
        signers = {value for held in source.signers() for value in held.values.values()}
        if not signers or self._broken_by_people(source):
            return
        store = world.stores[world.shape.secrets[secret].policy.environment].by_name.get(name)
        read = [
            instance.value(name)
            for workload in world.consumers(secret)
            for instance in workload.living()
            if not self._excused(instance, secret)
        ]
        for value in (*read, store.value if store is not None else None):
            if not self._broken_set(value) and signers.isdisjoint(members(value)):
                raise Violated("P1 never dark", f"a verifier of {secret} refuses what its source signs")

    def _broken_by_people(self, source: Source) -> bool:
        return any(not self.world.broken.isdisjoint(held.values.values()) for held in source.held.values())

    def _broken_set(self, value: str | None) -> bool:
        return value is None or value in self.world.broken

    def note_dropped(self, secret: str, values: Values | None) -> None:
        """An instance that held these is gone."""
        for value in (values or {}).values():
            self.dropped_at[secret, value] = self.world.now
            if self.world.sources[secret].traits.shared:
                self.signed_at.setdefault(secret, {})[value] = self.world.now

    # P2

    def before_put(self, environment: str, name: str, value: str) -> None:
        """Nothing is depended on that a lost node would take along."""
        self.dirty = True
        for one in self.world.values_in(name, value):
            if one not in self.recorded:
                raise Violated(
                    "P2 nothing lost", f"{name} was written with a value that the journal does not hold"
                )
        for secret in self.world.sources:
            recipe = self.world.shape.secrets[secret].policy.recipe
            if recipe.environment == environment and name in recipe.fields.values():
                self.note_replaced(secret, name)
                if self.forward_in(name, value) and not recipe.accept_gap:
                    self.world.hours.changes(secret, f"{name} is written")
            if recipe.environment == environment and name == recipe.accepted_as:
                self._announcing(secret, name, members(value))
                self._forgetting(secret, members(value))

    def forward(self, value: str) -> bool:
        """Whether a value is a successor's that has never been the one in use: writing it is no way back."""
        return value not in self.established | self.by_hand

    def forward_in(self, name: str, text: str) -> bool:
        """The same of what is written into a parameter."""
        return any(self.forward(value) for value in self.world.values_in(name, text))

    def _announcing(self, secret: str, name: str, announced: frozenset[str]) -> None:
        there = self.world.stores[self.world.shape.secrets[secret].policy.environment].by_name.get(name)
        added = announced - members(there.value if there is not None else None)
        if any(self.forward(value) for value in added):
            self.world.hours.changes(secret, f"{name} gets another member")

    def note_replaced(self, secret: str, name: str) -> None:
        """The store's value is about to be another one."""
        there = self.world.stores[self.world.shape.secrets[secret].policy.environment].by_name.get(name)
        if there is not None:
            for value in self.world.values_in(name, there.value):
                self.dropped_at[secret, value] = self.world.now

    def _forgetting(self, secret: str, left: frozenset[str]) -> None:
        """Verifiers outside our control have said yes before the old one leaves the accepted set."""
        recipe = self.world.shape.secrets[secret].policy.recipe
        there = self.world.stores[recipe.environment].by_name.get(recipe.accepted_as or "")
        gone = members(there.value) - left if there is not None else frozenset()
        if gone & self.established:
            self.world.hours.changes(secret, f"{recipe.accepted_as} loses a member")
        if not recipe.external_consumers or secret in self.world.approved | self.world.emergencies:
            return
        if gone & self.established - self.world.broken:
            raise Violated("P4 nothing in use is invalidated", f"{secret}: outside verifiers were not asked")

    def journal_restored(self, unfinished: Iterable[Rotation]) -> None:
        """What these rotations came to is forgotten: nobody knows that a successor of theirs was current at rest."""
        for row in unfinished:
            made = self.world.boxes[row.sealed_successor][0] if row.sealed_successor is not None else {}
            self.established -= {row.ledger.successor_id or "", *(value.reveal() for value in made.values())}
        # Nor that one was ended which its source cannot tell from a live one: ever, or not everywhere yet.
        for source in self.world.sources.values():
            silent = source.traits.submitted and source.traits.death is Death.ASSUMED
            for held in source.held.values():
                if held.state != LIVE and (silent or self.world.now < held.refused_from):
                    self.world.broken |= set(held.values.values())

    # P3 and P4

    def before_invalidating(self, source: Source, held: Held, state: str) -> None:
        """Looks at what is about to be disabled or removed."""
        self.dirty = True
        world, secret = self.world, source.secret
        current = world.current(secret)
        if held.maker == "person" and held.id not in self.established:
            doubtful = state == DISABLED and not source.traits.labels and held.used_at is None
            if not doubtful:
                raise Violated(
                    "P3 nothing of others touched", f"{held.id} of somebody else was to be {state}"
                )
        if current == held.values and held.state == LIVE and not world.broken & set(held.values.values()):
            raise Violated(
                "P4 nothing in use is invalidated", f"the store names {held.id}, which was to be {state}"
            )
        if held.id not in self.established or held.state != LIVE:
            return
        world.hours.changes(secret, f"{held.id} is to be {state}")
        world.note_use(source)
        visible = source.traits.sight in {Sight.YES, Sight.LAGGING} and not self._hurried(secret)
        if source.stragglers.get(held.id, 0.0) > world.now and visible:
            raise Violated("P4 nothing in use is invalidated", f"somebody is seen using {held.id}")
        grace = world.shape.secrets[secret].policy.recipe.grace.total_seconds()
        since = max(
            (self.dropped_at.get((secret, value), 0.0) for value in held.values.values()), default=0.0
        )
        if secret not in world.emergencies and world.now < since + grace:
            raise Violated(
                "P4 grace first",
                f"{held.id} was in use {world.now - since:.0f} s ago, grace is {grace:.0f} s",
            )

    def death_is_so(
        self, secret: str, predecessor: Values | None, predecessor_id: str | None, death: str | None
    ) -> None:
        """What the journal says of the old credential's death is so."""
        source, world = self.world.sources[secret], self.world
        if death in {"tried", "listed-gone"} and (predecessor_id is not None or source.traits.submitted):
            held = source.held.get(predecessor_id or "")
            if source.traits.submitted and predecessor is not None:
                held = source.find(predecessor)  # the id is rotator's own
            same = held is not None and (predecessor is None or held.values == predecessor)
            accepted = held is not None and (
                held.state == LIVE or (death == "tried" and world.now < held.refused_from)
            )
            if same and accepted:
                raise Violated("P4 how we know", f"{predecessor_id} is recorded as {death}, and is accepted")
        if death == "probe" and predecessor is not None:
            name = world.accepted_names[secret]
            for workload in world.consumers(secret):
                for instance in workload.living():
                    if not instance.unseeable and predecessor["value"] in instance.accepted_set(name):
                        raise Violated(
                            "P4 how we know", f"a verifier of {secret} accepts what is recorded as dead"
                        )
