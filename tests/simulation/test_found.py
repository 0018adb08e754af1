"""Bugs that the simulation has found: each is put back, and must be found again.

Seeds change their meaning whenever the worlds become more hostile, so a seed alone would prove nothing in a year; a
bug that is put back does.
"""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest

from rotator.engine import rollouts
from rotator.engine.phases import undo
from tests.simulation.run import simulate

_WITHIN = 3_000

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


def found(bug: Any) -> str:
    """The promise that breaks first when the bug is back."""
    with bug:
        for seed in range(_WITHIN):
            outcome = simulate(seed)
            if outcome.violation:
                return outcome.promise
    return ""


def test_a_rollout_that_left_an_instance_behind_was_done() -> None:
    """forget and withdraw tried again on the same finished rollout for ever, while an instance reported the old set."""
    assert found(patch.object(rollouts, "stale_reading", lambda *_arguments: ""))


def test_a_discarded_successor_was_in_use() -> None:
    """The rollout of an undo claimed success and left an instance on the successor, which was then removed: dark."""
    assert found(patch.object(undo, "_successor_used", lambda _step: None)) == "P1 never dark"


def test_consumers_were_taken_back_to_a_dead_credential() -> None:
    """The journal was restored from yesterday, its rotation failed, and restore wrote the removed predecessor: dark."""
    assert found(patch.object(undo, "_predecessor_accepted", lambda _step: None))
