"""Bugs that the simulation has found in the engine, put back, and found again (`test_found.py`).

A seed alone would prove nothing in a year: seeds change their meaning whenever the worlds become more hostile.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from unittest.mock import patch

from rotator.engine import holds, rollouts
from rotator.engine.disowned import Disowned
from rotator.engine.phases import push, undo
from rotator.model.errors import RotatorError
from tests.simulation.mutants_of_rules import Mutant


def a_rollout_that_left_an_instance_is_done() -> Any:
    """forget and withdraw tried again on the same finished rollout for ever: an instance reported the old set."""
    return patch.object(rollouts, "stale_reading", lambda *_arguments: "")


def a_discarded_successor_is_in_use() -> Any:
    """An undo's rollout claimed success, left an instance on the successor, and that was then removed: dark."""
    return patch.object(undo, "_successor_used", lambda _step: None)


def a_stray_in_use_is_discarded() -> Any:
    """In a restored journal, what consumers use looked like a stray: rolled back, it was gone."""
    return patch.object(undo, "_nobody_reads_strays", lambda _step: None)


def consumers_are_taken_back_to_a_dead_credential() -> Any:
    """The journal came back from yesterday, its rotation failed, and the removed predecessor was restored: dark."""
    return patch.object(undo, "_predecessor_accepted", lambda _step: None)


def what_could_not_be_removed_is_forgotten() -> Any:
    """A frozen worker's mint came without a claim, its source was away, and nobody tried again to remove it."""

    def once(self: Disowned) -> None:
        while self._made:
            made, rotation = self._made.popitem()
            with suppress(RotatorError):
                self._remove(made, rotation)

    return patch.object(Disowned, "remove", once)


def a_lost_mint_waits_for_its_window() -> Any:
    """The only credential may be replaced already, and the row waited for a window while consumers were locked out."""
    return patch.object(holds, "_may_have_minted", lambda _step: False)


def a_removed_successor_is_stored() -> Any:
    """A restored journal stood before store; its rotation had been undone, its successor removed. Stored: dark."""
    return patch.object(push, "_refused_meanwhile", lambda _step: None)


BUGS: Mapping[str, Mutant] = {
    "a rollout that left an instance is done": a_rollout_that_left_an_instance_is_done,
    "a discarded successor is in use": a_discarded_successor_is_in_use,
    "a stray in use is discarded": a_stray_in_use_is_discarded,
    "consumers are taken back to a dead credential": consumers_are_taken_back_to_a_dead_credential,
    "a lost mint waits for its window": a_lost_mint_waits_for_its_window,
    "a removed successor is stored": a_removed_successor_is_stored,
    "what could not be removed is forgotten": what_could_not_be_removed_is_forgotten,
}
