"""Bad days of AWS: the credentials in use are never in danger, one alert says so, and one message ends it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from rotator.model.rotation import Rotation
from rotator.sandbox.aws import AwsWorld
from rotator.sandbox.faults import Fault, Outage, Rule
from rotator.sandbox.people import PeopleWorld
from tests.daemon.gate import Gate
from tests.daemon.world import TOKEN, Town

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

#: What a rotation that failed four times waits for longer; whoever sees an outage end wakes it within far less.
LONG = timedelta(seconds=12)


@pytest.fixture
def town(tmp_path: Path, aws: AwsWorld, people: PeopleWorld) -> Iterator[Town]:
    town = Town(tmp_path, aws, people)
    yield town
    town.platform.stop()


@pytest.fixture
def gate(aws: AwsWorld) -> Iterator[Gate]:
    gate = Gate(aws.endpoint)
    yield gate
    gate.stop()


def test_without_credentials_it_waits_and_says_which_to_give(town: Town) -> None:
    with town.daemon(AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY=""):
        town.until("it says so", lambda: town.said("trouble", trouble="no valid AWS credentials"))
        town.until("an alert", lambda: town.alerts("unreachable") == ["open"])
        status = town.cli("status")
        assert "no valid AWS credentials" in status.stderr
        assert "AWS_PROFILE" in status.stderr
        town.until("told", lambda: len(town.mails()) == 1 and len(town.posts()) == 1)
    assert town.nags() == []
    with town.daemon():
        town.until("closed", lambda: town.alerts("unreachable") == ["closed"])


def test_without_permission_it_names_what_its_role_lacks(town: Town, gate: Gate) -> None:
    gate.denied = {"DescribeParameters"}
    with town.daemon(AWS_ENDPOINT_URL=gate.address):
        town.until("it says so", lambda: town.said("trouble", trouble="lacks ssm:DescribeParameters"))
        town.until("an alert", lambda: town.alerts("unreachable") == ["open"])
        assert "lacks ssm:DescribeParameters" in town.cli("status").stderr
        gate.denied = ()
        town.until("over", lambda: town.said("trouble is over", what="store of staging"))
        town.until("closed", lambda: town.alerts("unreachable") == ["closed"])
        town.until("told", lambda: len(town.mails()) == 2)
        assert ["Resolved" in subject for subject in town.mails()] == [False, True]
        assert any("it answers again" in post for post in town.posts())


def test_a_write_that_is_not_allowed_waits_until_it_is(town: Town, gate: Gate) -> None:
    with town.daemon(AWS_ENDPOINT_URL=gate.address):
        town.until("scanned", town.scanned)
        before = town.value(TOKEN)
        gate.denied = {"PutParameter"}
        town.ask(f"staging/{TOKEN}")
        town.until("an alert", lambda: town.alerts("rotation_failed") == ["open"])
        assert town.value(TOKEN) == before
        row = town.cli("status", "--json").stdout
        assert '"state": "failed"' in row
        assert "lacks ssm:PutParameter" in row
        gate.denied = ()
        town.until("done", town.rotated)
        town.until("closed", lambda: town.alerts("rotation_failed") == ["closed"])


@pytest.mark.parametrize("outage", list(Outage))
def test_ssm_away_loses_nothing(town: Town, aws: AwsWorld, outage: Outage) -> None:
    with town.daemon():
        town.until("scanned", town.scanned)
        aws.control.set_outages({"ssm": outage})
        asked = town.cli("rotate", TOKEN)
        assert asked.returncode == 0, "a request is kept without AWS"
        town.until("an alert", lambda: town.alerts("unreachable") == ["open"])
        assert "nothing was changed" in town.cli("status").stderr
        aws.control.set_outages({})
        town.until("done", town.rotated)
        town.until("closed", lambda: town.alerts("unreachable") == ["closed"])


@pytest.mark.parametrize("outage", [Outage.UNAVAILABLE, Outage.CLOSED])
def test_what_was_in_flight_is_no_news_after_an_outage_and_goes_on_at_once(
    town: Town, aws: AwsWorld, outage: Outage
) -> None:
    town.write_policy(defaults={**town.policy()["defaults"], "retry": {"attempts": 5, "backoff": "2s..10m"}})
    with town.daemon(ROTATOR_ALERT_PATIENCE="3s"):
        town.until("scanned", town.scanned)
        aws.control.set_faults([Rule(Fault.SLOW, "*", seconds=0.3)])
        town.ask(f"staging/{TOKEN}")
        town.until("in flight", lambda: _rotations(town))
        aws.control.set_outages({"ssm": outage})
        town.until("told", lambda: town.mails() and town.posts())
        town.until("it is stuck", lambda: _waits_long(town))
        due = _rotations(town)[0].run_at
        aws.control.set_faults([])
        aws.control.set_outages({})
        town.until("done", town.rotated)
        assert _went_on_at(town) < due, "it waited no longer"
        town.until("over", lambda: len(town.mails()) >= 2 and len(town.posts()) >= 2)
    title = "the store of staging cannot be reached"
    assert town.mails() == [f"[rotator] {title}", f"[rotator] Resolved: {title}"]
    assert len(town.posts()) == 2


def _rotations(town: Town) -> Sequence[Rotation]:
    with town.journal() as journal:
        return journal.rotations()


def _waits_long(town: Town) -> bool:
    """Whether the rotation is not tried again for long. While it is tried, its row bears the end of the claim."""
    with town.journal() as journal:
        row = journal.rotations()[0]
        return not row.owner and row.run_at - journal.now() > LONG


def _went_on_at(town: Town) -> datetime:
    """When the rotation was first tried with success after its last failure."""
    with town.journal() as journal:
        story = journal.events(journal.rotations()[0].id)
    failed = max(number for number, line in enumerate(story) if line.kind == "retries")
    return story[failed + 1].at


def test_kms_away_stops_a_rotation_before_it_makes_anything(town: Town, aws: AwsWorld) -> None:
    with town.daemon(ROTATOR_SEALER="kms", ROTATOR_KMS_KEY="alias/taly-staging"):
        town.until("scanned", town.scanned)
        before = town.versions()
        aws.control.set_outages({"kms": Outage.UNAVAILABLE})
        town.ask(f"staging/{TOKEN}")
        town.until("an alert", lambda: town.alerts("rotation_failed") == ["open"])
        assert "KMS" in town.cli("status").stdout
        after = town.versions()
        assert {name: after[name] for name in before if "owner" not in name} == {
            name: before[name] for name in before if "owner" not in name
        }
        aws.control.set_outages({})
        town.until("done", town.rotated)
        town.until("closed", lambda: town.alerts("rotation_failed") == ["closed"])
