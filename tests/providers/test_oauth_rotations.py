"""Whole rotations of OAuth clients' secrets by the engine: nobody is refused where two secrets live side by side."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from rotator.model.rotation import Death, Reason, State
from rotator.providers.oauth_client import OauthClient
from rotator.sandbox.faults import Fault, Rule
from rotator.testing.source_world import Fields
from tests.providers.oauth_world import CLIENT, OauthWorld, server_of
from tests.providers.rotations import Company

DAY = timedelta(days=1)
pytestmark = pytest.mark.slow


@contextmanager
def company_of(vendor: str, folder: Path) -> Iterator[tuple[OauthWorld, Company]]:
    with server_of(vendor) as world:
        recipe = world.recipe(grace=timedelta(hours=1), accept_unseen=True)
        company = Company(world.clock, OauthClient(recipe, world.around), recipe, folder)
        yield world, company
        company.journal.close()


def refused(world: OauthWorld, fields: Fields) -> bool:
    """By one of the two token endpoints at least, of which one hears of changes last."""
    return not (world.accepts(fields) and world.accepts(fields))


@pytest.mark.parametrize("vendor", ["okta", "entra"])
def test_a_secret_is_replaced_and_nobody_is_refused(vendor: str, tmp_path: Path) -> None:
    with company_of(vendor, tmp_path) as (world, company):
        current, turned_away = world.predecessor(), list[Fields]()

        def used() -> None:
            if refused(world, company.reads()):
                turned_away.append(company.reads())

        row = company.rotates(current, within=DAY, meanwhile=used)
        assert (row.state, row.ledger.death) == (State.DONE, Death.TRIED)
        assert turned_away == []
        (left,) = world.source.clients[CLIENT]
        assert company.reads() == world.fields(left)
        assert refused(world, current)


@pytest.mark.parametrize("vendor", ["auth0", "keycloak"])
def test_the_only_secret_is_replaced_and_the_gap_is_as_short_as_the_source_lets_it_be(
    vendor: str, tmp_path: Path
) -> None:
    with company_of(vendor, tmp_path) as (world, company):
        current, since, gap = world.predecessor(), world.clock.now(), timedelta()

        def used() -> None:
            nonlocal gap, since
            if refused(world, company.reads()):
                gap += world.clock.now() - since
            since = world.clock.now()

        row = company.rotates(current, within=DAY, meanwhile=used)
        assert (row.state, row.ledger.death) == (State.DONE, Death.TRIED)
        assert company.reads() == world.fields(world.source.clients[CLIENT][0])
        assert gap <= world.source.propagation + timedelta(seconds=10)
        assert world.calls("tell") == 1


@pytest.mark.parametrize("vendor", ["auth0", "keycloak"])
def test_an_answer_that_is_lost_while_telling_loses_nothing(vendor: str, tmp_path: Path) -> None:
    with company_of(vendor, tmp_path) as (world, company):
        current = world.predecessor()
        world.weather.set_faults([Rule(Fault.LOST_ANSWER, "tell", times=1)])
        row = company.rotates(current, within=DAY)
        assert row.state is State.DONE
        assert not refused(world, company.reads())


def test_a_labelled_secret_whose_answer_was_lost_is_found_and_removed(tmp_path: Path) -> None:
    with company_of("entra", tmp_path) as (world, company):
        current = world.predecessor()
        world.weather.set_faults([Rule(Fault.LOST_ANSWER, "create", times=1)])
        row = company.rotates(current, within=DAY)
        assert row.state is State.DONE
        assert world.calls("create") == 2
        (left,) = world.source.clients[CLIENT]
        assert company.reads() == world.fields(left)


def test_an_unlabelled_secret_whose_answer_was_lost_is_shown_and_not_removed(tmp_path: Path) -> None:
    with company_of("okta", tmp_path) as (world, company):
        current = world.predecessor()
        world.weather.set_faults([Rule(Fault.LOST_ANSWER, "create", times=1)])
        row = company.rotates(current, within=DAY)
        assert (row.state, row.reason) == (State.PARKED, Reason.UNKNOWN_AT_SOURCE)
        assert len(world.source.clients[CLIENT]) == 2
        assert company.reads() == current
        assert not refused(world, current)
