"""Two installations and one environment: the second touches nothing, says so, and can be told to take over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rotator.sandbox.aws import AwsWorld
from rotator.sandbox.people import PeopleWorld
from tests.daemon.world import TOKEN, Town

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture
def town(tmp_path: Path, aws: AwsWorld, people: PeopleWorld) -> Iterator[Town]:
    town = Town(tmp_path, aws, people)
    yield town
    town.platform.stop()


def test_a_foreign_environment_is_left_alone_until_a_person_takes_it_over(town: Town) -> None:
    elsewhere = {"ROTATOR_JOURNAL": f"sqlite:///{town.folder}/elsewhere/journal.sqlite"}
    with town.daemon(**elsewhere):
        town.until("owned", lambda: f"{town.path}/rotator/owner" in town.versions())
    town.log.unlink()
    before = town.versions()
    with town.daemon():
        town.until("it says so", lambda: town.said("trouble", trouble="owns"))
        town.until("an alert", lambda: town.alerts("foreign_owner") == ["open"])
        status = town.cli("status")
        assert "NOT OURS" in status.stdout
        assert "take-over" in status.stderr
        assert town.cli("rotate", TOKEN).returncode == 4
        assert town.versions() == before
        assert town.cli("take-over", "staging", "--yes").returncode == 0
        town.until("closed", lambda: town.alerts("foreign_owner") == ["closed"])
        town.until("scanned", town.scanned)
        town.ask(f"staging/{TOKEN}")
        town.until("done", town.rotated)
