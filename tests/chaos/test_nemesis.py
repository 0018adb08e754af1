"""The nemesis strikes as its seed says."""

from __future__ import annotations

from itertools import islice

from tests.chaos.nemesis import Kind, blows


def test_a_seed_decides_about_every_blow() -> None:
    assert list(islice(blows(7), 50)) == list(islice(blows(7), 50))
    assert list(islice(blows(7), 50)) != list(islice(blows(8), 50))


def test_a_short_run_meets_every_kind() -> None:
    assert {blow.kind for blow in islice(blows(1), 60)} == set(Kind)
