"""What is wrong with one secret, judged from outside: by what create() returned, the source's word, store and journal.

**Lost** is a credential that the source has and that stands neither in the store nor sealed in a journal row, nor is
found again by what the source shows of it: the label of a rotation that the journal knows, or that it was not there
before; a value in the store that nobody made; a copy that is not what the store holds; and a rotation that ended
otherwise than it had to: parked, turned back although nothing had failed, forgotten, or with another credential in the
store than the one that it says.
**An orphan** is a credential that is at the source at rest beside the one in the store, accepted or disabled, and a
rotation that nobody asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rotator.model.rotation import Rotation, State

#: The id of a value that create() did not return and that was not there before.
STRANGE = "a value that nobody made"
#: What a store names whose parameters are of two credentials.
TORN = "half of one credential and half of another"


@dataclass(frozen=True)
class Scene:
    """One secret at one moment; ids as create() returned them.

    `alive`: the source accepts them; `kept`: it has them and refuses them; `copied`: what the mirror names, if any.
    """

    alive: frozenset[str]
    stored: str
    recorded: frozenset[str] = frozenset()
    found_again: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()
    copied: str | None = None


def lost(scene: Scene) -> list[str]:
    """A line for each credential that nobody would find again."""
    unknown = _beside(scene) - scene.recorded - scene.found_again
    found = [f"{one} is at the source and in nobody's book" for one in sorted(unknown)]
    return [*found, *([f"the store holds {STRANGE}"] if scene.stored == STRANGE else [])]


def orphans(scene: Scene) -> list[str]:
    """A line for each credential that is left over at rest, and that somebody can still find."""
    left = _beside(scene) & (scene.recorded | scene.found_again)
    return [f"{one} is still {'accepted' if one in scene.alive else 'there'}" for one in sorted(left)]


def dead(scene: Scene) -> list[str]:
    """A line when the source refuses what the store names."""
    return [] if scene.stored in scene.alive else [f"{scene.stored} is in the store and refused"]


def stale(scene: Scene) -> list[str]:
    """A line when whoever reads the mirror at rest reads another credential than the store holds."""
    other = scene.copied not in {None, scene.stored}
    return [f"the mirror holds {scene.copied} instead of {scene.stored}"] if other else []


def ended_wrongly(rotation: Rotation | None, due: State, before: str, stored: str) -> Iterator[str]:
    """A line when a rotation did not end as it had to: in the state `due`, from the credential `before`."""
    if rotation is None:
        yield "the request is gone, or became no rotation"
        return
    if rotation.state is not due:
        yield f"{rotation.state}, {rotation.sentence}"
    if rotation.state is State.DONE and stored != rotation.ledger.successor_id:
        yield f"done, and the store holds {stored} instead of {rotation.ledger.successor_id}"
    if rotation.state is State.UNDONE and stored != before:
        yield f"undone, and the store holds {stored} instead of {before}"


def unasked(opened: Sequence[str], asked: str | None) -> list[str]:
    """A line for each rotation that was opened beside the one that was asked for."""
    return [f"rotation {one} was opened, and nobody asked for it" for one in opened if one != asked]


def _beside(scene: Scene) -> frozenset[str]:
    return (scene.alive | scene.kept) - {scene.stored}
