"""A worker that freezes between guard and send, its work taken over, then thawed: its bytes leave late.

Nothing can fence such a request (SSM has no compare-and-swap); the rotation must end well all the same.
"""

from __future__ import annotations

import signal
import time
from pathlib import Path

from rotator.sandbox.processes import Child
from tests.crash.rig import STUCK_SECONDS, Lane


def rotate_frozen(lane: Lane, phase: str) -> bool:
    """One rotation in which the first effect of `phase` is frozen. False when it had no effect to freeze."""
    asked = lane._ask()
    frozen = lane.run_daemon(CRASH_FREEZE=phase)
    try:
        if not _stopped(frozen, lane):
            return False
        other = lane.run_daemon()
        try:
            _await_take_over(lane)
            frozen.send(signal.SIGCONT)
            lane._await(asked, other, at=f"frozen in {phase}")
        finally:
            other.stop(within=25.0)
    finally:
        frozen.send(signal.SIGCONT)
        frozen.stop(within=25.0)
    lane.reckon(f"frozen in {phase}")
    return True


def _stopped(daemon: Child, lane: Lane) -> bool:
    """Whether it froze; False when the rotation ended without."""
    deadline = time.monotonic() + STUCK_SECONDS
    while time.monotonic() < deadline and daemon.running:
        if Path(f"/proc/{daemon.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T":
            return True
        if (
            not lane.journal.rotations(secret=lane.secret, unfinished=True)
            and time.monotonic() > deadline - 50
        ):
            return False
        time.sleep(0.05)
    return False


def _await_take_over(lane: Lane) -> None:
    """Until the other worker has lost patience with the frozen one, and a little further."""
    deadline = time.monotonic() + STUCK_SECONDS
    while time.monotonic() < deadline:
        unfinished = lane.journal.rotations(secret=lane.secret, unfinished=True)
        if not unfinished or unfinished[0].claim_lost_at is not None:
            break
        time.sleep(0.1)
    time.sleep(1.0)
