"""P2 and P3 at every moment: what we made and lives is named by the store or by an unfinished row, or will be found.

A row finds what it does not name by its label at the source, or by the listing that it wrote down before its mint. It
must not end before it has. What is exempt is exempt one by one, and has to be shown to people in the end
(`endings.py`): what people took out of the store, what a lost or older journal cannot know, and a mint without a label
whose answer never came.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotator.contracts.provider import Overlap
from rotator.model.rotation import Death, Rotation, State
from tests.simulation.source import LIVE, Held, Source
from tests.simulation.violation import Violated

if TYPE_CHECKING:
    from tests.simulation.world import World


class Leftovers:
    """Which credentials of ours nobody would find."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.loose: set[str] = set()  # ids that no row can be expected to know

    def recorded(self, row: Rotation) -> None:
        """A row is written down: it names, or will find, all that lives of its secret; at its end, nothing is left."""
        source, ended = self._world.sources[row.secret], row.state in {State.DONE, State.UNDONE}
        left = self._beside_the_store(source)
        if not left:
            return
        ledger = row.ledger
        if row.state is State.DONE and ledger.death is Death.ASSUMED:
            assumed = {ledger.predecessor_id} if ledger.predecessor_id else {held.id for held in left}
            self.loose |= assumed  # the record says so
        named = {ledger.predecessor_id, ledger.successor_id, *ledger.strays, *ledger.doubtful}
        for held in left:
            found = not ended and (held.id in named or _will_be_found(source, row, held))
            if not found and held.id not in self.loose and not self._in_hand(source, held):
                raise Violated(
                    "P3 nothing left over", f"{held.id} of {held.label} lives, and {row.id} {_how(row)}"
                )

    def landed(self, source: Source, held: Held) -> None:
        """Something was made: the row that wanted it has not ended meanwhile."""
        row = self._world.database.rotation(held.label or "")
        if source.traits.overlap is Overlap.NONE:
            return  # there is nothing beside what lives
        if row is None:
            self.loose.add(held.id)  # this journal never knew the row
        elif row.state in {State.DONE, State.UNDONE} and source.traits.labels and held.id not in self.loose:
            raise Violated("P3 nothing left over", f"{held.id} was made for {row.id}, which {_how(row)}")

    def at_rest(self, secret: str) -> None:
        """No row is left to end anything: what lives beside the store is exempt for a reason of its own."""
        for held in self._beside_the_store(self._world.sources[secret]):
            made = self._world.mints.get(held.id)
            died_with_it = made is not None and made.gate.process.dead  # then the census shows it
            if held.id not in self.loose and not died_with_it:
                raise Violated(
                    "P3 nothing left over", f"{held.id} of {held.label} lives, and no rotation will end it"
                )

    def replaced_by_hand(self, secret: str) -> None:
        """People take what is in use out of the store."""
        source, current = self._world.sources[secret], self._world.current(secret)
        held = source.find(current) if current else None
        if held is not None:
            self.loose.add(held.id)

    def journal_anew(self) -> None:
        """Another journal: it cannot know what lives by now."""
        self.loose |= {held.id for source in self._world.sources.values() for held in source.held.values()}

    def _in_hand(self, source: Source, held: Held) -> bool:
        """Whether a worker that lost its claim has it in memory, and tries to remove it: no label would tell others."""
        made = self._world.mints.get(held.id)
        return not source.traits.labels and made is not None and not made.gate.process.dead

    def _beside_the_store(self, source: Source) -> list[Held]:
        """What we made and lives, and is not what consumers read."""
        if source.traits.shared or source.traits.overlap is Overlap.NONE:
            return []
        ours = [held for held in source.held.values() if held.maker == "rotator" and held.state == LIVE]
        current = self._world.current(source.secret) if ours else None
        return [held for held in ours if held.values != current and (held.answered or source.traits.labels)]


def _will_be_found(source: Source, row: Rotation, held: Held) -> bool:
    if source.traits.labels:
        return held.label == row.id
    return row.ledger.known is not None and held.id not in row.ledger.known


def _how(row: Rotation) -> str:
    return (
        f"is {row.state}" if row.state in {State.DONE, State.UNDONE} else f"does not name it at {row.phase}"
    )
