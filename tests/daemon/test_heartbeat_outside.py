"""Killed, hanging, or with a store that is away: who is outside calls people in time, and nobody calls for nothing."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from rotator.clock import SystemClock
from rotator.sandbox.aws import AwsWorld, Parameter
from rotator.sandbox.faults import Outage
from rotator.sandbox.outside_check import OutsideCheck
from rotator.sandbox.platforms.front import Front
from tests.daemon.forked import ForkedDaemon
from tests.daemon.world import KEY, Town

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

EVERY, GRACE = timedelta(seconds=2), timedelta(seconds=4)
#: A ping may be on its way when it happens.
SLACK = timedelta(seconds=2)


@pytest.fixture
def check() -> OutsideCheck:
    return OutsideCheck(SystemClock(), EVERY, GRACE)


@pytest.fixture
def town(tmp_path: Path, aws: AwsWorld, check: OutsideCheck) -> Iterator[Town]:
    town = Town(tmp_path, aws)
    with Front(check) as front:
        url = f"{front.address}{check.path}"
        town.aws.control.seed([Parameter(f"{town.path}/rotator/HEARTBEAT_URL", url, key_id=KEY)])
        rule = {"url": f"ssm:{town.path}/rotator/HEARTBEAT_URL", "every": "2s", "grace": "4s"}
        town.write_policy(alerts={"group_wait": "0s", "repeat": ["3650d"], "heartbeat": rule})
        yield town
        assert check.path not in town.log.read_text()
        assert check.findings == []
    town.platform.stop()


def kill(child: ForkedDaemon, _town: Town) -> None:
    os.kill(child.pid, signal.SIGKILL)


def hang(child: ForkedDaemon, _town: Town) -> None:
    os.kill(child.pid, signal.SIGSTOP)


def lose_the_store(_child: ForkedDaemon, town: Town) -> None:
    """And see it: how long that takes is the scan's affair."""
    town.aws.control.set_outages({"ssm": Outage.UNAVAILABLE})
    town.until("it is seen", lambda: town.said("trouble", what="the store of staging"))


@pytest.mark.parametrize("wrong", [kill, hang, lose_the_store])
def test_silence_calls_people_within_period_and_grace(
    town: Town, check: OutsideCheck, aws: AwsWorld, wrong: Callable[[ForkedDaemon, Town], None]
) -> None:
    child = town.start(ROTATOR_SLACK_WEBHOOK="http://127.0.0.1:9/services/none")
    try:
        town.until("the outside hears", lambda: len(check.pings) >= 3)
        assert not check.down
        wrong(child, town)
        began = SystemClock().now()
        town.until("people are called", lambda: check.down)
        assert check.calls_at is not None
        assert check.calls_at - began <= EVERY + GRACE + SLACK, check.pings
        if wrong is lose_the_store:
            assert town.said("trouble", what="the heartbeat", trouble="staging")
            aws.control.set_outages({})
            town.until("the outside hears again", lambda: not check.down)
    finally:
        aws.control.set_outages({})
        if child.running:
            os.kill(child.pid, signal.SIGCONT)
        child.stop(within=25)


def test_a_drill_on_the_command_line_tells_how_long_the_page_took(town: Town, check: OutsideCheck) -> None:
    with town.daemon(ROTATOR_SLACK_WEBHOOK="http://127.0.0.1:9/services/none"):
        town.until("the outside hears", lambda: len(check.pings) >= 2)
        begun = town.cli("drill", "heartbeat", "--for", "10m", "--reason", "does it page?")
        assert begun.returncode == 0, begun.stderr
        assert "must be paged by" in begun.stderr
        again = town.cli("drill", "heartbeat")
        assert again.returncode == 4
        town.until("people are called", lambda: check.down)
        ended = town.cli("drill", "heartbeat", "--paged", "--reason", "my phone rang")
        assert ended.returncode == 0, ended.stderr
        assert "promised within 6s" in ended.stderr
        town.until("the outside hears again", lambda: not check.down)
        with town.journal() as journal:
            kept = [request.because for request in journal.requests(waiting=False)]
        assert kept[0] == "does it page?"
        assert kept[1].startswith("paged ") and kept[1].endswith("my phone rang")
        assert town.cli("drill", "heartbeat", "--end").returncode == 4
