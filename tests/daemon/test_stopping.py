"""SIGTERM, SIGINT, and both twice: at any moment, and everything ends well after the next start."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

import pytest

from rotator.model.rotation import State
from rotator.sandbox.aws import AwsWorld
from rotator.sandbox.faults import Fault, Rule
from tests.daemon.world import PATIENCE, TOKEN, Town

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def test_sigterm_at_any_moment_loses_nothing(town: Town) -> None:
    chance = random.Random(20)
    with town.daemon():
        town.until("scanned", town.scanned)
    for _ in range(20):
        town.ask(f"staging/{TOKEN}")
        town.log.unlink(missing_ok=True)
        with town.daemon() as daemon:
            time.sleep(chance.uniform(0, 1.5))
            begun = time.monotonic()
            assert daemon.stop(within=25) == 0
            assert time.monotonic() - begun < 20
        with town.journal() as journal:
            assert not [one for one in journal.rotations() if one.owner], "rows are given back"
    with town.daemon():
        town.until("all is done", lambda: _at_rest(town), within=180)
    assert town.accepted() == {town.value(TOKEN)}


@pytest.mark.parametrize("later", [0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6])
def test_sigterm_while_it_loads_ends_it_with_a_line(town: Town, later: float) -> None:
    daemon = town.load()
    town.until("it listens", lambda: _listens(daemon.pid))
    time.sleep(later)
    daemon.send(signal.SIGTERM)
    assert daemon.wait(within=25) == 0
    assert town.lines()[-1]["event"] in {"stopped before it ran", "stopped"}
    if not later:
        assert town.said("stopped before it ran")
    with town.daemon():
        town.until("all is well", town.scanned)


def _listens(pid: int) -> bool:
    """Whether the process has said what SIGTERM does (proc(5), SigCgt)."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = int(status.partition("SigCgt:")[2].split()[0], 16)
    return bool(caught >> (signal.SIGTERM - 1) & 1)


def _at_rest(town: Town) -> bool:
    with town.journal() as journal:
        states = {one.state for one in journal.rotations()}
        assert states <= {State.DONE, State.ACTIVE}, states
        return states == {State.DONE} and not journal.requests(waiting=True)


def test_sigint_stops_as_well_and_says_so_by_its_exit_code(town: Town) -> None:
    daemon = town.load()
    town.until("it runs", lambda: town.said("running"))
    assert daemon.stop(within=25, asking=signal.SIGINT) == 130
    assert town.said("stopped")


def test_the_second_signal_ends_it_at_once(town: Town, aws: AwsWorld) -> None:
    daemon = town.start()
    town.until("scanned", town.scanned)
    before = _held(aws)
    aws.control.set_faults(
        [Rule(Fault.SLOW, "*", seconds=10)]
    )  # longer than the daemon waits for an answer, twice
    town.until("some job waits for AWS", lambda: _held(aws) > before)
    daemon.send(signal.SIGTERM)
    town.until("it stops", lambda: town.said("stopping"))
    daemon.send(signal.SIGTERM)
    assert daemon.wait(within=PATIENCE) == -signal.SIGTERM, "else it would have ended in order, with 0"
    aws.control.set_faults([])
    with town.daemon():
        pass


def _held(aws: AwsWorld) -> int:
    """How many calls AWS was ever slow to answer."""
    return int(aws.control.statistics()["faults"].get(Fault.SLOW, 0))
