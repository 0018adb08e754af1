"""Slack or the mail server away: the others are told at once, everybody in the end, and nobody twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rotator.sandbox.aws import AwsWorld
from rotator.sandbox.faults import Outage
from rotator.sandbox.people import PeopleWorld
from tests.daemon.world import Town

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture
def town(tmp_path: Path, aws: AwsWorld, people: PeopleWorld) -> Iterator[Town]:
    town = Town(tmp_path, aws, people)
    yield town
    town.platform.stop()


@pytest.mark.parametrize("away, other", [("slack", "mail"), ("mail", "slack")])
def test_who_is_away_is_told_later_and_the_others_now(
    town: Town, people: PeopleWorld, aws: AwsWorld, away: str, other: str
) -> None:
    people.control.set_outages({away: Outage.UNAVAILABLE if away == "slack" else Outage.CLOSED})
    read = {"slack": town.posts, "mail": town.mails}
    with town.daemon():
        aws.control.set_outages({"ssm": Outage.UNAVAILABLE})
        town.until("the others are told", lambda: any("store of staging" in said for said in read[other]()))
        town.until("the log says who is not", lambda: town.said("alert not delivered", alert="unreachable"))
        town.until("an alert about that", lambda: town.alerts("delivery_failed") == ["open"])
        assert read[away]() == []
        people.control.set_outages({})
        town.until("told in the end", lambda: any("store of staging" in said for said in read[away]()))
        aws.control.set_outages({})
        town.until("all is over", lambda: town.alerts("unreachable") == ["closed"])
        town.until("that too", lambda: town.alerts("delivery_failed") == ["closed"])
