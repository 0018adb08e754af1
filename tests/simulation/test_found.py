"""Bugs that the simulation has found: each, put back, is found again by the world that showed it."""

from __future__ import annotations

from tests.simulation.witnesses import witnessed


def test_a_rollout_that_left_an_instance_behind_was_done() -> None:
    mutated, sound = witnessed("a rollout that left an instance is done")
    assert (mutated.promise, sound.violation) == ("it ends", "")


def test_a_discarded_successor_was_in_use() -> None:
    mutated, sound = witnessed("a discarded successor is in use")
    assert (mutated.promise, sound.violation) == ("P1 never dark", "")


def test_consumers_were_taken_back_to_a_dead_credential() -> None:
    mutated, sound = witnessed("consumers are taken back to a dead credential")
    assert (mutated.promise, sound.violation) == ("P1 never dark", "")
