"""The journal away, locked, full or somebody else's: nothing is done that could not be written down."""

from __future__ import annotations

import re
import resource
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from rotator.sandbox.aws import AwsWorld
from rotator.sandbox.people import PeopleWorld
from rotator.sandbox.postgres import EmbeddedPostgres, Missing
from tests.daemon.world import PATIENCE, TOKEN, Town


@pytest.fixture
def database(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    try:
        server = EmbeddedPostgres(tmp_path / "journal")
    except Missing as missing:
        pytest.skip(f"no PostgreSQL: {missing}")
    with server:
        yield server


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_database_that_is_killed_and_comes_back(town: Town, database: EmbeddedPostgres) -> None:
    url = database.superuser_dsn()
    town.folder.joinpath("state").mkdir()
    town.folder.joinpath("state", "sealing.key").write_text(_key(town))
    with town.daemon(ROTATOR_JOURNAL=url, ROTATOR_CLAIM_SECONDS="20"):
        town.until("scanned", lambda: town.scanned(url))
        town.ask(f"staging/{TOKEN}", url=url)
        database.kill()
        words = "the journal's database"
        town.until("it says so", lambda: town.said("trouble", what="work", trouble=words))
        beside = town.cli("status", ROTATOR_JOURNAL=url)
        assert beside.returncode == 1
        assert beside.stderr.startswith("rotator: the journal's database")
        time.sleep(3)
        assert town.nags() == []
        database.start()
        town.until("over", lambda: town.said("trouble is over", what="work"))
        town.until("done", lambda: town.rotated(url))
    assert town.value(TOKEN) in town.accepted()


def _key(town: Town) -> str:
    """What `KeyFile.generate` makes; with PostgreSQL nobody makes a key file by himself."""
    from rotator.sealers.keyfile import KeyFile

    made = town.folder / "made.key"
    KeyFile.generate(made)
    town.folder.joinpath("state", "sealing.key").touch(mode=0o600)
    return made.read_text()


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_file_that_somebody_locks(town: Town) -> None:
    with town.daemon():
        town.until("scanned", town.scanned)
        with closing(
            sqlite3.connect(town.folder / "state" / "journal.sqlite", isolation_level=None)
        ) as other:
            other.execute("BEGIN IMMEDIATE")
            town.until("it says so", lambda: town.said("trouble", trouble="locked by another process"))
            looked = town.cli("status")
            assert looked.returncode == 0, "looking needs no lock"
            asked = town.cli("rotate", TOKEN)
            assert asked.returncode == 1
            assert "locked by another process" in asked.stderr
            other.execute("ROLLBACK")
        town.until("over", lambda: town.said("trouble is over", trouble="locked by another process"))
        town.ask(f"staging/{TOKEN}")
        town.until("done", town.rotated)


@pytest.fixture
def peopled(tmp_path: Path, aws: AwsWorld, people: PeopleWorld) -> Iterator[Town]:
    town = Town(tmp_path / "peopled", aws, people)
    yield town
    town.platform.stop()


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_people_hear_of_a_journal_that_is_away_without_it(peopled: Town) -> None:
    title = "rotator's journal cannot be written"
    with peopled.daemon(ROTATOR_ALERT_PATIENCE="1s"):
        peopled.until("scanned", peopled.scanned)
        with closing(
            sqlite3.connect(peopled.folder / "state" / "journal.sqlite", isolation_level=None)
        ) as other:
            other.execute("BEGIN IMMEDIATE")
            # Every job waits for the lock in its turn, five seconds each, and they take turns.
            peopled.until("told", lambda: peopled.posts() and peopled.mails(), within=2 * PATIENCE)
            time.sleep(2)
            other.execute("ROLLBACK")
        peopled.until("over", lambda: len(peopled.mails()) == 2 and len(peopled.posts()) == 2)
        time.sleep(1)
    assert peopled.mails() == [f"[rotator] {title}", f"[rotator] Resolved: {title}"]
    assert len(peopled.posts()) == 2
    assert "locked by another process" in peopled.posts()[0]
    assert "it can be written again" in peopled.posts()[1]
    assert peopled.alerts("journal_away") == [], "it is no row"
    assert not peopled.said("nobody can be told")


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_disk_without_room(town: Town) -> None:
    """The kernel lets the daemon's files grow no further, as a full disk would."""
    with town.daemon() as daemon:
        town.until("scanned", town.scanned)
        largest = max(path.stat().st_size for path in (town.folder / "state").iterdir())
        before = resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))
        for _ in range(1000):
            town.ask(f"staging/{TOKEN}")
            if town.said("trouble"):
                break
        town.until("it says so", lambda: town.said("trouble", trouble="disk"))
        resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, before)
        town.until("over", lambda: town.said("trouble is over", trouble="disk"))
        town.until("done", town.rotated)
    assert town.value(TOKEN) in town.accepted()


@pytest.mark.slow
def test_a_folder_that_cannot_be_written(town: Town) -> None:
    done = town.cli("run", ROTATOR_JOURNAL="sqlite:////proc/rotator/journal.sqlite")
    assert done.returncode == 1
    assert done.stderr == (
        "rotator: cannot start: the journal /proc/rotator/journal.sqlite cannot be opened (No such file or "
        "directory): look at its folder. The journal is /proc/rotator/journal.sqlite, by ROTATOR_JOURNAL; this tells "
        "more: df -h /proc/rotator\n"
    )


@pytest.mark.slow
def test_the_second_daemon_on_a_journal_says_who_is_first(town: Town) -> None:
    with town.daemon() as first:
        second = town.cli("run")
        assert second.returncode == 5
        assert f"process {first.pid}" in second.stderr
        assert second.stderr.count("\n") == 1
    assert town.folder.joinpath("state").stat().st_mode & 0o777 == 0o700


@pytest.mark.slow
def test_no_database_at_the_start_is_a_sentence(town: Town, aws: AwsWorld) -> None:
    del aws
    done = town.cli("run", ROTATOR_JOURNAL="postgresql://rotator:nothing@127.0.0.1:1/rotator")
    assert done.returncode == 1
    assert re.fullmatch(r"rotator: cannot start: the journal's database [^\n]+\n", done.stderr)
    assert "database rotator at 127.0.0.1:1, by ROTATOR_JOURNAL" in done.stderr
    assert "nothing" not in done.stderr, "that is its password"


@pytest.mark.slow
@pytest.mark.parametrize("room", [0, 4096])
def test_a_start_on_a_full_disk_is_a_sentence(town: Town, room: int) -> None:
    """The kernel lets no file grow larger: the lock file has no room, or the journal's tables have none."""
    starting = (
        f"import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room})); "
        "sys.argv = ['rotator', 'run']; runpy.run_module('rotator', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", starting],  # half of a module's bytecode would outlive the test
        env=town.environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 1
    assert re.fullmatch(r"rotator: cannot start: [^\n]*disk[^\n]*\n", done.stderr), done.stderr
    assert f"{town.folder}/state" in done.stderr
