"""Towns to test in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rotator.sandbox.aws import AwsWorld
from rotator.sandbox.people import PeopleWorld
from tests.daemon.world import Town


@pytest.fixture(scope="session")
def running_people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PeopleWorld]:
    with PeopleWorld(tmp_path_factory.mktemp("people")) as people:
        yield people


@pytest.fixture
def people(running_people: PeopleWorld) -> PeopleWorld:
    """Everybody is there, and nobody has read anything that concerns this test."""
    running_people.control.set_faults([])
    running_people.control.set_outages({})
    running_people.control.set_errors({})
    running_people.control.set_posts_per_second(None)
    return running_people


@pytest.fixture
def town(tmp_path: Path, aws: AwsWorld) -> Iterator[Town]:
    town = Town(tmp_path, aws)
    yield town
    town.platform.stop()
