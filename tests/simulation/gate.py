"""The gate: every I/O of a simulated process goes through `io`, and everything that can go wrong goes wrong there."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from rotator.contracts.guard import CALL_SECONDS, _bound, guard
from rotator.model.errors import JournalAway, RotatorError, Transient
from tests.simulation.faults import Fault
from tests.simulation.schedule import MINUTE, Crashed, Process

if TYPE_CHECKING:
    from tests.simulation.world import World

T = TypeVar("T")
_READS = frozenset(
    {
        Fault.CRASH_BEFORE,
        Fault.CRASH_AFTER,
        Fault.LOST,
        Fault.THROTTLED,
        Fault.AWAY,
        Fault.SLOW,
        Fault.STOPPED,
    }
)
_READS_IN_A_PHASE = _READS | {Fault.FROZEN, Fault.SURPRISE}
_EFFECTS = _READS_IN_A_PHASE | {Fault.CRASH_LATE}
_JOURNAL = frozenset(
    {Fault.CRASH_BEFORE, Fault.CRASH_AFTER, Fault.LOST, Fault.AWAY, Fault.FROZEN, Fault.STOPPED}
)
#: What was signed is not taken later than this.
_SIGNED_LIFE = 15 * MINUTE


class Surprise(Exception):
    """What an adapter's library may raise and nobody has declared."""


def in_a_phase() -> bool:
    """Whether a worker's claim is bound here: the engine answers for whatever is raised."""
    return _bound.get() is not None


class Gate:
    """One process's way to the outside."""

    def __init__(self, world: World, process: Process) -> None:
        self.world, self.process = world, process
        self.surprised = False  # since the last result was written down
        self.disturbed_at = -1.0  # when it was last frozen or asked to stop

    def io(  # noqa: C901 - one branch for each kind of fault, in the order in which they can happen
        self, point: str, effect: Callable[[], T], *, of: str, guarded: float | None = None
    ) -> T:
        """Does one I/O. `of` names the far side; `guarded` is the longest the call may take, for effects.

        Raises Transient (JournalAway for the journal), or Crashed.
        """
        if self.process.dead:
            raise Crashed
        world, faults = self.world, self.world.faults
        journal = of == "journal"
        if guarded is not None:
            guard(guarded)
        world.ios += 1
        reads = _READS_IN_A_PHASE if in_a_phase() else _READS
        fault = faults.at(point, _JOURNAL if journal else reads if guarded is None else _EFFECTS)
        if fault is Fault.CRASH_BEFORE:
            self._crash()
        if fault in {Fault.AWAY, Fault.THROTTLED} or world.away(of):
            self.process.pause(0.2 + 5 * faults.chance(0))
            raise self._trouble(point, journal, throttled=fault is Fault.THROTTLED)
        if fault is Fault.CRASH_LATE:
            world.schedule.after(CALL_SECONDS * faults.chance(1), lambda: self._land(effect))
            self._crash()
        if fault is Fault.SURPRISE:
            self.surprised = True
            raise Surprise(point)
        in_hand = fault is Fault.FROZEN and guarded is None and not journal and faults.chance(8) < 0.7
        if fault is Fault.FROZEN and not in_hand:
            self.disturbed_at = world.now
            self.process.freeze(self._frozen_for(fenced=guarded is not None))
            asked = world.now
            self.process.pause(0)
            if guarded is not None and world.now - asked > _SIGNED_LIFE:
                raise self._trouble(point, journal, throttled=False)
        elif not journal:
            self.process.pause(8 * faults.chance(2) if fault is Fault.SLOW else 0.15 * faults.chance(3))
        try:
            result = effect()
        finally:
            world.promises.check()
        if in_hand:  # frozen with the answer in hand
            self.disturbed_at = world.now
            self.process.freeze(self._frozen_for(fenced=False))
            self.process.pause(0)
        if fault is Fault.CRASH_AFTER:
            self._crash()
        if fault is Fault.STOPPED:
            self.disturbed_at = world.now
            world.stop(self.process)
        if fault is Fault.LOST:
            self.process.pause(1.0)
            raise self._trouble(point, journal, throttled=False)
        self.process.pause(0.02 if journal else 0.15 * faults.chance(4))
        return result

    def _crash(self) -> None:
        self.process.crash()
        raise Crashed

    def _land(self, effect: Callable[[], object]) -> None:
        """The request of a dead process arrives."""
        with suppress(RotatorError):
            effect()
        self.world.promises.check()

    def _frozen_for(self, *, fenced: bool) -> float:
        """Mostly longer than a claim; where a request was signed, mostly shorter than its life."""
        at = self.world.faults.chance(5)
        if self.world.faults.late_hands:
            return (9 + 5.8 * at if fenced else 10 + 70 * at) * MINUTE
        return 5 + 40 * at if at < 0.2 else 61 + (17 if fenced else 60) * MINUTE * (at - 0.2) ** 2

    def _trouble(self, point: str, journal: bool, *, throttled: bool) -> RotatorError:
        if journal:
            return JournalAway(f"{point}: no answer from the journal")
        if throttled and self.world.faults.chance(6) < 0.5:
            return Transient(
                f"{point}: too many requests", timedelta(seconds=60 * self.world.faults.chance(7))
            )
        return Transient(f"{point}: no answer")
