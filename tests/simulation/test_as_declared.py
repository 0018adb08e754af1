"""The simulation draws what every adapter of the project declares: one that is slower, or of another kind, shows here.

A world in which every source answers within a minute proves nothing about one that takes ten.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import cache
from importlib.metadata import entry_points
from random import Random

import pytest

from rotator.contracts.provider import Traits
from rotator.model.rotation import Death
from rotator.providers.oauth_recipe import shipped, shipped_names
from tests.simulation import as_declared, by_hand
from tests.simulation.shape import draw

#: Drawing some hundred worlds takes a second.
pytestmark = pytest.mark.slow

_WORLDS = 1000
_LONG = ("acceptances", "propagation", "listing", "verifier_cache")


def declared() -> Iterator[tuple[str, Traits]]:
    """Every provider that comes with rotator, and what its options make of it."""
    own = {
        point.name: point.load().traits
        for point in entry_points(group="rotator.providers")
        if point.dist is not None and point.dist.name == "rotator"
    }
    yield from own.items()
    yield from ((f"oauth-client, {name}", shipped(name).traits) for name in shipped_names())
    yield "assisted, verified", replace(own["assisted"], death=Death.TRIED)
    yield "jwt, with a cache as its page has it", replace(own["jwt"], verifier_cache=timedelta(minutes=15))


@cache
def drawn() -> frozenset[Traits]:
    """What the sources of the first worlds are like."""
    traits = set()
    for seed in range(_WORLDS):
        shape = draw(Random(seed))
        by_hand.add(shape, seed)
        as_declared.arrange(shape, seed)
        traits |= {secret.traits for secret in shape.secrets.values()}
    return frozenset(traits)


def kind(traits: Traits) -> Traits:
    """All but how long things take."""
    quick = timedelta()
    return replace(traits, acceptances=1, propagation=quick, listing=quick, verifier_cache=quick)


def test_no_adapter_is_slower_than_the_slowest_world() -> None:
    longest = {bound: max(getattr(one, bound) for one in drawn()) for bound in _LONG}
    slower = {
        f"{name}: {bound}"
        for name, traits in declared()
        for bound in _LONG
        if getattr(traits, bound) > longest[bound]
    }
    assert not slower, f"tests/simulation/as_declared.py draws no more than {longest}"


def test_some_world_has_a_source_of_each_adapters_kind() -> None:
    kinds = {kind(one) for one in drawn()}
    assert not {name: traits for name, traits in declared() if kind(traits) not in kinds}
