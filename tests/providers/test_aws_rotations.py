"""Whole rotations of AWS's credentials by the engine: nobody is ever refused, and what was lost is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from rotator.model.rotation import Death, Reason, State
from rotator.providers.aws_access_key import AwsAccessKey
from rotator.providers.rds_master import RdsMaster
from rotator.sandbox.faults import Fault, Rule
from rotator.testing.surroundings import surroundings
from tests.providers.iam_world import USER, IamWorld
from tests.providers.rds_world import INSTANCE, RdsWorld
from tests.providers.recipes import recipe_for
from tests.providers.rotations import Company

DAY, HOURS = timedelta(days=1), timedelta(hours=8)
pytestmark = pytest.mark.slow


@contextmanager
def of_keys(iam: IamWorld, folder: Path) -> Iterator[Company]:
    fields = {"access_key_id": "CI_KEY_ID", "secret_access_key": "CI_SECRET_KEY"}
    recipe = recipe_for(
        "CI_KEY", "aws-access-key", fields=fields, settings={"iam_user": USER}, grace=HOURS, torn_ok=True
    )
    company = Company(iam.clock, AwsAccessKey(recipe, iam.around), recipe, folder)
    yield company
    company.journal.close()


def test_an_access_key_is_replaced_and_nobody_is_refused(iam: IamWorld, tmp_path: Path) -> None:
    current = iam.predecessor()
    refused = list[str]()

    def used(company: Company) -> None:
        """A consumer of a service that hears of changes last."""
        key_id = company.reads()["access_key_id"].reveal()
        key = iam.iam.find(key_id)
        if key is None or not key.accepted(iam.clock.now()):
            refused.append(key_id)

    with of_keys(iam, tmp_path) as company:
        row = company.rotates(current, within=DAY, meanwhile=lambda: used(company))
        assert (row.state, row.ledger.death) == (State.DONE, Death.TRIED)
        assert refused == []
        (left,) = iam.iam.users[USER]
        assert company.reads() == iam.fields(left)
        assert row.ledger.predecessor_id == current["access_key_id"].reveal()


def test_who_still_uses_the_old_key_holds_it(iam: IamWorld, tmp_path: Path) -> None:
    current = iam.predecessor()
    key_id = current["access_key_id"].reveal()
    with of_keys(iam, tmp_path) as company:
        row = company.rotates(current, within=DAY, meanwhile=lambda: iam.iam.use(key_id, "s3"))
        assert (row.state, row.reason) == (State.ACTIVE, Reason.STILL_USED)
        assert "s3" in row.sentence
        assert len(iam.iam.users[USER]) == 2


def test_a_key_whose_answer_was_lost_is_shown_and_not_deleted(iam: IamWorld, tmp_path: Path) -> None:
    current = iam.predecessor()
    iam.iam.weather.set_faults([Rule(Fault.LOST_ANSWER, "CreateAccessKey", times=1)])
    with of_keys(iam, tmp_path) as company:
        row = company.rotates(current, within=DAY)
        assert (row.state, row.reason) == (State.PARKED, Reason.NO_FREE_SLOT)
        assert all(key.id in row.sentence for key in iam.iam.users[USER])
        assert len(iam.iam.users[USER]) == 2
        assert company.reads() == current
        assert iam.accepts(current)


def test_a_master_password_is_replaced_and_the_gap_is_short(
    rds: Callable[..., RdsWorld], tmp_path: Path
) -> None:
    world = rds()
    current = world.predecessor()
    recipe = recipe_for(
        "DATABASE", "rds-master", settings={"instance": INSTANCE}, accept_gap=True, accept_unseen=True,
        fields={"user": "DATABASE_USER", "password": "DATABASE_PASSWORD"}, grace=timedelta(),
    )  # fmt: skip
    provider = RdsMaster(recipe, surroundings(clock=world.clock, endpoints={"rds": world.address}))
    company = Company(world.clock, provider, recipe, tmp_path)
    dark = list[bool]()
    row = company.rotates(
        current, within=timedelta(hours=1), meanwhile=lambda: dark.append(not world.accepts(company.reads()))
    )
    assert (row.state, row.ledger.death) == (State.DONE, Death.TRIED)
    assert world.accepts(company.reads())
    assert not world.accepts(current)
    assert sum(dark) <= 1
    company.journal.close()
