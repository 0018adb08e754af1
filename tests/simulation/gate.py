"""The gate: every I/O of a simulated process goes through `io`, and everything that can go wrong goes wrong there."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from rotator.contracts.guard import CALL_SECONDS, guard
from rotator.model.errors import GaveUp, JournalAway, RotatorError, Transient
from tests.simulation import step_contract
from tests.simulation.faults import Fault
from tests.simulation.schedule import MINUTE, Crashed, Process

if TYPE_CHECKING:
    from tests.simulation.world import World

T = TypeVar("T")
#: What can happen to a change, to any other effect, to a look, and to whatever the journal is asked.
CHANGE = frozenset(Fault)
EFFECT = CHANGE - {Fault.HELD_UP}
LOOK = EFFECT - {Fault.CRASH_LATE}
JOURNAL = LOOK - {Fault.THROTTLED, Fault.SLOW, Fault.SURPRISE}
#: Effects that hurt if they land when their sender has long given them up; every other one lands on what it meant.
CHANGES = frozenset({"store.put", "provider.create", "provider.activate"})
#: A slow call takes as long at most, in seconds.
SLOWEST = 8.0
#: What was signed is not taken later than this.
_SIGNED_LIFE = 15 * MINUTE


class Surprise(Exception):
    """What an adapter's library may raise and nobody has declared."""


def possible(point: str, *, looks: bool) -> frozenset[Fault]:
    """What can happen to an I/O."""
    if point.startswith("journal."):
        return JOURNAL
    return LOOK if looks else CHANGE if point in CHANGES else EFFECT


class Gate:
    """One process's way to the outside: its worker has one, and everything else in it another."""

    def __init__(self, world: World, process: Process, *, works: bool) -> None:
        self.world, self.process, self.works = world, process, works
        self.surprised = False  # since the last result was written down
        self.claimed_at = 0.0  # when it last got something to do

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
            step_contract.begins(self, point)
        asked = world.now
        world.ios += 1
        fault = faults.at(point, possible(point, looks=guarded is None))
        if fault is Fault.CRASH_BEFORE:
            self._crash()
        if fault in {Fault.AWAY, Fault.THROTTLED} or world.away(of):
            self.process.pause(0.2 + 5 * faults.chance(0))
            raise self._trouble(point, journal, throttled=fault is Fault.THROTTLED)
        if fault is Fault.CRASH_LATE:
            world.schedule.after(CALL_SECONDS * faults.chance(1), lambda: self._land(effect, asked))
            self._crash()
        if fault is Fault.HELD_UP:
            world.schedule.after(_SIGNED_LIFE * faults.chance(9) ** 2, lambda: self._land(effect, asked))
            self.process.pause(CALL_SECONDS)
            raise GaveUp(f"{point}: no answer within {CALL_SECONDS:.0f} s")
        if fault is Fault.SURPRISE:
            self.surprised = True
            raise Surprise(point)
        in_hand = fault is Fault.FROZEN and guarded is None and not journal and faults.chance(8) < 0.7
        if fault is Fault.FROZEN and not in_hand:
            self.process.freeze(self._frozen_for(fenced=guarded is not None))
            self.process.pause(0)
        elif not journal:
            slow = SLOWEST * faults.chance(2)
            self.process.pause(slow if fault is Fault.SLOW else 0.15 * faults.chance(3))
        if (
            guarded is not None and world.now - asked > _SIGNED_LIFE
        ):  # whichever of its tasks froze the process
            raise self._trouble(point, journal, throttled=False)
        if guarded is not None:
            step_contract.lands(self, point, asked)
        world.acting, world.asked_at = self, asked
        try:
            result = effect()
        finally:
            world.promises.check()
        if in_hand:  # frozen with the answer in hand
            self.process.freeze(self._frozen_for(fenced=False))
            self.process.pause(0)
        if fault is Fault.CRASH_AFTER:
            self._crash()
        if fault is Fault.STOPPED:
            self.process.disturbed_at = world.now
            world.stop(self.process)
        if fault is Fault.LOST:
            self.process.pause(1.0)
            raise self._trouble(point, journal, throttled=False)
        self.process.pause(0.02 if journal else 0.15 * faults.chance(4))
        return result

    def _crash(self) -> None:
        self.process.crash()
        raise Crashed

    def _land(self, effect: Callable[[], object], asked: float) -> None:
        """The request of a dead process arrives."""
        self.world.acting, self.world.asked_at = self, asked
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
