"""Every kind of source keeps the provider's promises, however slow it is and whatever it lacks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from rotator.contracts.provider import Overlap, Sight, Traits
from rotator.model.rotation import Death
from rotator.testing.hostile_world import HostileWorld
from rotator.testing.provider_contract import ProviderContract

MINUTE = timedelta(minutes=1)


def told(overlap: Overlap) -> Traits:
    return Traits(
        overlap,
        mints=False,
        labels=True,
        reversible=True,
        sight=Sight.YES,
        death=Death.TRIED,
        propagation=MINUTE,
        listing=MINUTE,
    )


def minting(
    overlap: Overlap,
    *,
    labels: bool = False,
    reversible: bool = False,
    sight: Sight = Sight.NO,
    death: Death = Death.TRIED,
) -> Traits:
    return Traits(
        overlap,
        mints=True,
        labels=labels,
        reversible=reversible,
        sight=sight,
        death=death,
        propagation=MINUTE,
        listing=MINUTE,
    )


def slow(traits: Traits, *fields: str) -> HostileWorld:
    seconds = timedelta(seconds=1)
    return HostileWorld(traits, propagation=30 * seconds, listing=20 * seconds, fields=fields or ("value",))


WORLDS: dict[str, Callable[[], HostileWorld]] = {
    "two roles": lambda: HostileWorld(told(Overlap.PAIR)),
    "two roles, slow": lambda: slow(told(Overlap.PAIR)),
    "a master password": lambda: slow(told(Overlap.NONE)),
    "keys that are told": lambda: slow(told(Overlap.MANY)),
    "two access keys": lambda: slow(
        minting(Overlap.PAIR, reversible=True, sight=Sight.LAGGING), "id", "secret"
    ),
    "keys with labels": lambda: slow(minting(Overlap.MANY, labels=True, death=Death.LISTED_GONE)),
    "keys with a limit": lambda: HostileWorld(
        minting(Overlap.MANY, labels=True, reversible=True, sight=Sight.YES), slots=3
    ),
    "a secret that is replaced": lambda: HostileWorld(minting(Overlap.NONE)),
}


class TestHostileSource(ProviderContract):
    @pytest.fixture(params=list(WORLDS))
    def world(self, request: pytest.FixtureRequest) -> HostileWorld:
        return WORLDS[request.param]()
