"""A worker that freezes between guard and send, its work taken over, then thawed: its bytes leave late.

Nothing can fence such a request (SSM has no compare-and-swap); the rotation must end well all the same, and so must
the one after it. On SQLite nobody can take the work over: a frozen daemon keeps the lock on the journal's file, and a
second one is refused. That much is tried there.
"""

from __future__ import annotations

import signal
import sys
import time

from rotator.sandbox.processes import Child, NotReady
from tests.crash.orders import Order
from tests.crash.people import frozen
from tests.crash.rig import STUCK_SECONDS, Lane
from tests.crash.roads import Road
from tests.crash.witness import SECRET

#: What `rotator run` says when another daemon works on the journal (docs/reference/exit-codes.md).
_BUSY = 5
#: After the take-over, and within the life of a signed request.
_LATE_SECONDS = 1.0


def rotate_frozen(lane: Lane, effect: str, road: Road) -> bool:
    """One rotation whose daemon freezes in `effect`, taken over by another. False when it never came there."""
    at = f"{road.name}, frozen in {effect}"
    asked = lane.begun(road, at, Order(freeze=effect))
    froze = _froze(lane)
    lane.mailbox.give(Order())
    if froze:
        frozen, lane.daemon = lane.daemon, lane.run_daemon()
        try:
            _await_take_over(lane, frozen, at)
            frozen.send(signal.SIGCONT)
            lane.end(asked, road, at)
        finally:
            frozen.send(signal.SIGCONT)
            frozen.stop(within=25.0)
    else:
        lane.end(asked, road, at)
    lane.rotate(road, f"after {at}")
    return froze


def freeze_beside_a_second(lane: Lane, effect: str, road: Road) -> bool:
    """The same where the journal lets one daemon in: the second one says so and ends, the first one goes on."""
    at = f"{road.name}, frozen in {effect}, with a second daemon"
    asked = lane.begun(road, at, Order(freeze=effect))
    froze = _froze(lane)
    lane.mailbox.give(Order())
    if froze:
        command = [sys.executable, "-m", "rotator", "run"]
        log = lane.folder / "second.log"
        code = Child("the second daemon", command, log=log, environment=lane.environment()).wait(60)
        if code != _BUSY:
            lane.findings.stuck.append(f"{at}: the second daemon ended with {code} instead of {_BUSY}")
        lane.daemon.send(signal.SIGCONT)
    lane.end(asked, road, at)
    return froze


def freeze_submitting(lane: Lane, effect: str, road: Road) -> bool:
    """One rotation whose `rotator submit` freezes, and goes on beside a frozen daemon. False when it never froze."""
    at = f"{road.name}, frozen in {effect}"
    asked = lane.begun(road, at, Order(freeze=effect))
    lane.mailbox.give(Order())
    lane.end(asked, road, at)
    return lane.person.met


def _froze(lane: Lane) -> bool:
    """Whether it did; False when the rotation ended without."""
    deadline = time.monotonic() + STUCK_SECONDS
    while lane.daemon.running and lane.under_way() and time.monotonic() < deadline:
        if frozen(lane.daemon):
            return True
        lane.person_looks()
        time.sleep(0.05)
    return False


def _await_take_over(lane: Lane, frozen: Child, at: str) -> None:
    """Until the other daemon has lost patience with the frozen one, and a little further."""
    deadline = time.monotonic() + STUCK_SECONDS
    while any(f"-{frozen.pid}-" in owner for owner in _owners(lane)):
        if time.monotonic() > deadline:
            raise NotReady(f"{at}: nobody takes it over")
        time.sleep(0.1)
    time.sleep(_LATE_SECONDS)


def _owners(lane: Lane) -> list[str]:
    """Who holds the rotation and its rollouts."""
    rotations = lane.journal.rotations(secret=SECRET, unfinished=True)
    rollouts = [one for rotation in rotations for ids in rotation.ledger.rollouts.values() for one in ids]
    owners = [one.owner for one in rotations] + [one.owner for one in lane.journal.rollouts(rollouts)]
    return [owner for owner in owners if owner is not None]
