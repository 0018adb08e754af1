"""As slow as adapters declare: in some worlds sources and verifiers take as long as any real one may.

Elsewhere they are quick, which leaves more of a run for everything else. Drawn apart from the rest, so that a seed
without it means the world that it always meant. `test_as_declared.py` holds what is drawn against what every adapter
declares.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random

from rotator.contracts.provider import Overlap, Traits
from tests.simulation.faults import share
from tests.simulation.shape import Shape

#: Seconds; the longest are RDS's for a master password and Entra's for its directory.
PROPAGATION, LISTING = (60, 120, 300, 600), (0, 60, 120)
ACCEPTANCES = (1, 3, 5)
#: Of a JWKS that verifiers ask for over HTTP: as long as its policy says.
VERIFIER_CACHE = (0, 300, 900)
_IN_SO_MANY_WORLDS = 0.25


def arrange(shape: Shape, seed: int) -> None:
    """A secret is of one kind in every environment."""
    if share(seed, 67) >= _IN_SO_MANY_WORLDS:
        return
    for drawn in shape.secrets.values():
        drawn.traits = slower(Random(f"{seed}/{drawn.policy.name}"), drawn.traits)


def slower(random: Random, traits: Traits) -> Traits:
    """The same source with the bounds of an adapter that declares long ones."""
    acceptances = random.choice(ACCEPTANCES)
    if traits.shared:
        cache = timedelta(seconds=random.choice(VERIFIER_CACHE))
        return replace(traits, acceptances=acceptances, verifier_cache=cache)
    told_without_a_label = traits.overlap is Overlap.NONE and not traits.mints and random.random() < 0.7
    return replace(
        traits,
        acceptances=acceptances,
        propagation=timedelta(seconds=random.choice(PROPAGATION)),
        listing=timedelta(seconds=0 if traits.submitted else random.choice(LISTING)),
        labels=traits.labels and not told_without_a_label,
    )
