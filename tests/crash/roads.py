"""The roads that a rotation is sent along: to its end, or back, because the platform fails a rollout on order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rotator.contracts.provider import Overlap, Traits
from rotator.model.rotation import UNDOING, Phase, Purpose, State
from tests.crash.orders import Point

#: The source has answered, and nobody has written it down.
LOST_MINT = Point("create/provider.create#1", "after")


class Road(NamedTuple):
    """`fails`: the rollouts that do not come to their end; `ends`: how the rotation ends, whatever happens to us.

    `first`: where the daemon dies a first time on this road.
    """

    name: str
    fails: Purpose | None
    ends: State
    first: Point | None = None

    def own(self, trace: Sequence[str]) -> list[str]:
        """What of a trace is met on this road only: from the rollout that fails to the end, or up to the next mint."""
        if self.first is not None:
            return list(trace[: trace.index(self.first.name)])
        if self.fails is None:
            return list(trace)
        turn = next(place for place, name in enumerate(trace) if name.startswith(f"rollout.{self.fails}/"))
        return list(trace[turn:])


FORWARD = Road("forward", None, State.DONE)
BACK = Road("back", Purpose.REDEPLOY, State.UNDONE)
#: Nobody has read the successor yet; only verifiers know of it.
BACK_EARLY = Road("back early", Purpose.ANNOUNCE, State.UNDONE)
#: What was minted is found by its label, and tidied.
AGAIN = Road("again after a lost mint", None, State.DONE, LOST_MINT)


def roads_of(traits: Traits, *, fails: bool = True) -> tuple[Road, ...]:
    """Those that rotations of such a source can take. `fails`: its platform can make a rollout fail on order.

    Where the source keeps one credential there is no way back, and a rollout that fails waits for a person.
    """
    back = {
        BACK: fails and traits.overlap is not Overlap.NONE,
        BACK_EARLY: fails and (traits.shared or traits.verified),
        AGAIN: traits.mints and traits.labels,
    }
    return (FORWARD, *(road for road, there in back.items() if there))


def reachable(traits: Traits, *, fails: bool = True) -> frozenset[Phase]:
    """Phases in which a rotation of such a source acts, on one of its roads."""
    accepted, gapped = traits.shared or traits.verified, traits.overlap is Overlap.NONE
    never = {
        Phase.TIDY: not (
            traits.mints and traits.labels
        ),  # it removes what bears a label, and parks at others
        Phase.READY: not gapped,
        Phase.ACTIVATE: traits.mints or traits.submitted,
        Phase.ANNOUNCE: not accepted,
        Phase.GRACE: gapped,
        Phase.DISABLE: traits.shared or gapped or not traits.reversible,
        Phase.FORGET: not accepted,
        Phase.QUARANTINE: traits.shared or gapped or not traits.reversible,
        Phase.REMOVE: traits.shared or gapped or traits.submitted,
        **dict.fromkeys(UNDOING, gapped or not fails),
        Phase.DISPROVE: gapped or not fails or traits.submitted,  # a person ends what was undone
        Phase.WITHDRAW: gapped or not fails or not accepted,
    }
    return frozenset(phase for phase in Phase if not never.get(phase, False))
