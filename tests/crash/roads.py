"""The roads that a rotation is sent along: to its end, or back, because the platform fails a rollout on order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rotator.contracts.provider import Overlap, Traits
from rotator.model.rotation import UNDOING, Phase, Purpose, State


class Road(NamedTuple):
    """`fails`: the rollouts that do not come to their end; `ends`: how the rotation ends, whatever happens to us."""

    name: str
    fails: Purpose | None
    ends: State

    def own(self, trace: Sequence[str]) -> list[str]:
        """What of a trace is met on this road only: from the rollout that fails to the end."""
        if self.fails is None:
            return list(trace)
        turn = next(place for place, name in enumerate(trace) if name.startswith(f"rollout.{self.fails}/"))
        return list(trace[turn:])


FORWARD = Road("forward", None, State.DONE)
BACK = Road("back", Purpose.REDEPLOY, State.UNDONE)
#: Nobody has read the successor yet; only verifiers know of it.
BACK_EARLY = Road("back early", Purpose.ANNOUNCE, State.UNDONE)


def roads_of(traits: Traits) -> tuple[Road, ...]:
    """Those that rotations of such a source can take."""
    return (FORWARD, BACK, BACK_EARLY) if traits.shared else (FORWARD, BACK)


def reachable(traits: Traits) -> frozenset[Phase]:
    """Phases in which a rotation of such a source commits something, on one of its roads."""
    shared, gapped = traits.shared, traits.overlap is Overlap.NONE
    never = {
        Phase.TIDY: not traits.mints,  # it has no strays: nothing lives before it is in the row
        Phase.READY: not gapped,
        Phase.ACTIVATE: traits.mints and not gapped,
        Phase.ANNOUNCE: not shared,
        Phase.GRACE: gapped,
        Phase.DISABLE: shared or gapped or not traits.reversible,
        Phase.FORGET: not shared,
        Phase.QUARANTINE: shared or gapped,
        Phase.REMOVE: shared or gapped,
        **dict.fromkeys(UNDOING, gapped),
        Phase.WITHDRAW: not shared,
    }
    return frozenset(phase for phase in Phase if not never.get(phase, False))
