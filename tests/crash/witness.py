"""The witness: says what source, store, mirror and journal show of the secret, in the ids that create() gave."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from rotator.contracts.journal import Journal
from rotator.model.requests import Request
from rotator.model.rotation import Rotation, State
from tests.company.consumers import Instance, Reading
from tests.company.secret import Held
from tests.crash.made import Made, Minted
from tests.crash.reckoning import TORN, Scene
from tests.crash.sources.source import ENVIRONMENT, NAME, Known, Source, There, parameter

SECRET = f"{ENVIRONMENT}/{NAME}"


class Witness:
    """`read` reads the store, `living` says who lives, `copy` what the mirror holds of a parameter, if there is one."""

    def __init__(
        self,
        source: Source,
        living: Callable[[], tuple[Instance, ...]],
        read: Callable[[], Reading],
        made: Made,
        copy: Callable[[str], str | None] | None = None,
    ) -> None:
        self._source, self._living, self._read, self._made = source, living, read, made
        self._copy = copy

    def begin(self, fields: Mapping[str, str], own: Sequence[str]) -> None:
        """Before the first rotation. `fields`: what consumers read; `own`: what rotator logs in with."""
        for value in fields.values():
            self._made.note(Minted("", self._source.first_id, value))
        for login in own:
            self._made.note(Minted("", "rotator's own login", login))

    def stored(self) -> str:
        """What the store names."""
        return self._named(self._read().values)

    def in_store(self) -> Mapping[str, str]:
        """The fields of what the store holds."""
        return self._source.shown(self._read().values)

    def whole(self, held: Held) -> bool:
        """Whether all fields are of one credential."""
        return len(self._source.fields) == 1 or self._named(held) != TORN

    def strangers(self, journal: Journal, before: str) -> list[str]:
        """What is at the source, not in the store and not in the journal."""
        scene = self.scene(journal, before)
        return sorted((scene.alive | scene.kept) - {scene.stored} - scene.recorded)

    def scene(self, journal: Journal, before: str) -> Scene:
        """Now, in the rotation that began with `before` in the store, or after it.

        A row that has ended keeps no sealed values: its word for a credential is all that is left of it.
        """
        rows = journal.rotations(secret=SECRET)
        recorded = {row.ledger.successor_id for row in rows if row.sealed_successor or row.ended_at}
        recorded |= {before for row in rows[:1] if row.sealed_predecessor or row.ended_at}
        recorded |= _submitted(rows, journal.requests(waiting=True))
        reading = self._read().values
        everybody = [reading, *(instance.held for instance in self._living())]
        made, recent = self._made.all(), {before, *(row.id for row in rows[:1])}
        tried = [one for one in made if {one.id, one.rotation} & recent]
        there = list(self._source.there(Known(made, tried), everybody))
        return Scene(
            alive=frozenset(one.id for one in there if one.accepted),
            kept=frozenset(one.id for one in there if not one.accepted),
            stored=self._named(reading),
            recorded=frozenset(one for one in recorded if one),
            found_again=frozenset(self._found_again(there, rows)),
            copied=self._copied(),
        )

    def _found_again(self, there: Sequence[There], rows: Sequence[Rotation]) -> Iterator[str]:
        """By the label of a rotation that the journal knows; where there are none, by comparing lists.

        Such a rotation has written down what it knew at the source before it minted: what came since is looked at.
        """
        traits, known = self._source.traits, {row.id for row in rows}
        yield from (one.id for one in there if one.label in known)
        newest = rows[0] if rows else None
        if newest and newest.ledger.minting_at and newest.state in {State.ACTIVE, State.PARKED}:
            before = newest.ledger.known or ()
            yield from (
                one.id for one in there if traits.mints and not traits.labels and one.id not in before
            )

    def _copied(self) -> str | None:
        """What the mirror names; None where there is no mirror, or nothing in it yet."""
        value = self._copy(parameter("value")) if self._copy else None
        return None if value is None else Known(self._made.all(), ()).id_of(value)

    def _named(self, held: Held) -> str:
        known = Known(self._made.all(), ())
        names = {known.id_of(value) for value in self._source.shown(held).values()}
        return names.pop() if len(names) == 1 else TORN


def _submitted(rows: Sequence[Rotation], requests: Sequence[Request]) -> set[str]:
    """What people have handed over stands sealed in its request, then in the rotation that this has become."""
    waiting = {one.id for one in requests if one.sealed}
    taken = {row.id for row in rows if row.sealed_successor and row.ledger.submitted_by}
    return {f"submitted@{one}" for one in waiting | taken}
