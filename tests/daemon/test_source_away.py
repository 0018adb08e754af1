"""The source away: a rotation waits for it, consumers notice nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from rotator.sandbox.aws import AwsWorld
from rotator.sandbox.demo.seeds import USERS, prepare_database
from rotator.sandbox.people import PeopleWorld
from rotator.sandbox.postgres import EmbeddedPostgres, Missing
from tests.daemon.world import Town

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
URL, ADMIN = "DATABASE_URL", "rotator/DATABASE_ADMIN_URL"


@pytest.fixture
def source(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    try:
        server = EmbeddedPostgres(tmp_path / "source")
    except Missing as missing:
        pytest.skip(f"no PostgreSQL: {missing}")
    with server:
        yield server


@pytest.fixture
def town(tmp_path: Path, aws: AwsWorld, people: PeopleWorld, source: EmbeddedPostgres) -> Iterator[Town]:
    place = f"{source.host}:{source.port}/taly"
    kind = {
        "provider": "postgres",
        "rotate_every": "3650d",
        "grace": "1d",
        "settings": {
            "users": [*USERS],
            "template": "postgresql://{user}:{password}@" + place,
        },
    }
    town = Town(tmp_path, aws, people, names=())
    kind["settings"]["admin"] = f"ssm:{town.path}/{ADMIN}"  # type: ignore[index]  # a literal of mixed values
    town.extra = {"types": {"database": kind}, "secrets": {URL: {"type": "database", "deploy": ["api"]}}}
    in_use, admin = prepare_database(source)
    town.seed(URL, in_use)
    town.seed(ADMIN, admin)
    town.write_policy()
    yield town
    town.platform.stop()


def test_postgresql_away_holds_a_rotation_and_endangers_nobody(town: Town, source: EmbeddedPostgres) -> None:
    with town.daemon():
        town.until("scanned", town.scanned)
        before = town.value(URL)
        source.kill()
        town.ask(f"staging/{URL}")
        town.until("an alert", lambda: town.alerts("rotation_failed") == ["open"])
        row = town.cli("status").stdout
        assert "FAILED" in row
        assert town.value(URL) == before
        source.start()
        town.until("done", town.rotated)
        town.until("closed", lambda: town.alerts("rotation_failed") == ["closed"])
        town.until("told", lambda: len(town.mails()) == 2)
    assert town.value(URL) != before
    with psycopg.connect(town.value(URL)) as session:
        session.execute("select 1")
