"""The record is signed beside the work, and the work goes on where it cannot be."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from rotator.sandbox.aws import AwsWorld
from rotator.sandbox.faults import Outage
from tests.daemon.world import TOKEN, Town

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
KMS = {"ROTATOR_SEALER": "kms", "ROTATOR_KMS_KEY": "alias/taly-staging"}


def rotate(town: Town, times: int = 1) -> None:
    """Brings a rotation to its end, so that so many are done."""
    town.ask(f"staging/{TOKEN}")
    town.until("done", lambda: len(town.rotated()) == times)


@pytest.mark.parametrize(
    "statement, first",
    [
        ("DELETE FROM event; DELETE FROM rotation", "head 1"),
        # Nobody can read it, and so nobody can sign it either.
        (
            "UPDATE event SET hash = CAST(x'ff' AS TEXT), head = NULL WHERE sequence = 2; DELETE FROM head",
            "event 2 was changed",
        ),
    ],
)
def test_what_was_recorded_is_signed_and_whoever_changes_it_is_told_of(
    town: Town, statement: str, first: str
) -> None:
    with town.daemon():
        town.until("scanned", town.scanned)
        rotate(town)
    with town.daemon():
        town.until("signed", lambda: town.said("head signed"))
    assert not town.said("the record is not as it was written")
    with closing(sqlite3.connect(town.folder / "state" / "journal.sqlite")) as database, database:
        database.executescript(statement)
    with town.daemon():
        town.until("told", lambda: town.said("the record is not as it was written", first=first))
        town.until("an alert", lambda: town.alerts("audit_broken") == ["open"])


def test_kms_away_is_a_line_in_the_log_and_the_work_goes_on_when_it_is_back(
    town: Town, aws: AwsWorld
) -> None:
    with town.daemon():
        town.until("scanned", town.scanned)
        rotate(town)
    aws.control.set_outages({"kms": Outage.UNAVAILABLE})
    with town.daemon(**KMS):
        town.until("said", lambda: town.said("trouble", what="record", trouble="KMS"))
        assert not town.said("head signed")
        aws.control.set_outages({})
        rotate(town, times=2)
    with town.daemon(**KMS):
        town.until("signed", lambda: town.said("head signed"))
