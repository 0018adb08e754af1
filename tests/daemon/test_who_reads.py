"""Somebody reads a secret: from a record in a queue to the message that people read, through the real daemon."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from rotator.clock import SystemClock
from rotator.model.watch import Disposition
from rotator.sandbox.aws import ACCOUNT, REGION, AwsWorld
from rotator.sandbox.faults import Outage
from rotator.sandbox.people import PeopleWorld
from rotator.sandbox.sources.trail_queue import QueueSource
from rotator.testing.trail_contract import a_record
from tests.daemon.world import TOKEN, Town

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:rotator-trail"
ACCESS = {
    "source": {"kind": "sqs", "queue": QUEUE},
    "allow": [
        {"name": "app", "role": "app", "during": "always"},
        {"name": "rotator", "role": "rotator", "during": "rotation"},
    ],
    "hold": "1s",
}


@pytest.fixture
def town(tmp_path: Path, aws: AwsWorld, people: PeopleWorld) -> Iterator[Town]:
    town = Town(tmp_path, aws, people)
    town.write_policy(access=ACCESS)
    yield town
    town.platform.stop()


def reads(town: Town, queue: QueueSource, role: str) -> None:
    """Somebody with that role read the token a minute ago, and EventBridge tells of it now."""
    record: dict[str, Any] = a_record(SystemClock().now() - timedelta(minutes=1), f"{town.path}/{TOKEN}")
    issuer = record["userIdentity"]["sessionContext"]["sessionIssuer"]
    issuer |= {"arn": f"arn:aws:iam::{ACCOUNT}:role/{role}", "userName": role}
    queue.send(json.dumps({"detail-type": "AWS API Call via CloudTrail", "detail": record}))


def test_a_stranger_who_reads_a_secret_is_told_on_slack_once_until_somebody_has_looked(town: Town) -> None:
    queue = QueueSource(SystemClock())
    with queue.server.serving() as address:
        for _ in range(25):
            reads(town, queue, "app")
        reads(town, queue, "mallory")
        queue.send("this is no record")
        with town.daemon(ROTATOR_ENDPOINT_SQS=address, ROTATOR_TRAIL_EVERY="0.5s"):
            town.until("people hear of it", lambda: any("role/mallory" in said for said in town.posts()))
            town.until("the queue has been read", lambda: len(queue.messages) == 1)
            assert not any("role/app" in said for said in town.posts())
            assert town.alerts("unknown_actor") == ["open"]
            with town.journal() as journal:
                (alert,) = [row.alert for row in journal.alerts() if row.alert.kind == "unknown_actor"]
                (sighting,) = journal.sightings()
            assert sighting.secrets == (f"staging/{TOKEN}",)
            done = town.cli("ack", alert.id, "--reason", "it was me")
            assert done.returncode == 0, done.stderr
            town.until("it is over", lambda: town.alerts("unknown_actor") == ["closed"])
            with town.journal() as journal:
                (ended,) = journal.sightings(unended=False)
            assert ended.disposition is Disposition.ACKNOWLEDGED
    assert len([said for said in town.posts() if "read by somebody whom no rule allows" in said]) == 1


def test_a_queue_that_is_gone_is_told_once_and_what_came_meanwhile_is_judged_when_it_is_back(
    town: Town,
) -> None:
    queue = QueueSource(SystemClock())
    denied = {"ReceiveMessage": "AccessDenied"}
    missing = dict.fromkeys(("GetQueueUrl", "ReceiveMessage"), "AWS.SimpleQueueService.NonExistentQueue")

    def told_why(words: str) -> None:
        """Waits until the alert says so: until then the daemon sees the queue as it was before."""
        town.until(words, lambda: words in _what(town))

    with ExitStack() as serving, ExitStack() as running:
        address = serving.enter_context(queue.server.serving())
        running.enter_context(town.daemon(ROTATOR_ENDPOINT_SQS=address, ROTATOR_TRAIL_EVERY="0.5s"))
        town.until("scanned", town.scanned)
        queue.weather.set_outages({"sqs": Outage.CLOSED})  # ends the connection that is kept open
        told_why("SQS did not answer")
        serving.close()
        told_why("(EndpointConnectionError) when asked to receive from rotator-trail")
        reads(town, queue, "mallory")
        town.ask(f"staging/{TOKEN}")
        town.until("a rotation goes on without the trail", town.rotated)

        queue.weather.set_outages({})
        queue.weather.set_errors(missing)
        serving.enter_context(queue.server.serving(urlsplit(address).port or 0))
        told_why(f"there is no queue rotator-trail in {REGION} of account {ACCOUNT}")
        queue.weather.set_errors(denied)
        told_why("its role lacks sqs:ReceiveMessage")
        reads(town, queue, "trudy")
        (post,) = _about_the_trail(town.posts())
        assert f"*Where*\nsqs {QUEUE}" in post
        assert "see that it is there and that rotator's role may read it" in post
        queue.weather.set_errors({})
        town.until("it is over", lambda: town.alerts("trail_silent") == ["closed"])
        town.until("what came meanwhile", lambda: town.alerts("unknown_actor") == ["open", "open"])
        town.until("people hear that it is over", lambda: len(_about_the_trail(town.mails())) == 2)
        with town.journal() as journal:
            who = sorted(one.principal.rpartition("/")[2] for one in journal.sightings())
        assert who == ["mallory", "trudy"]
    title = "nobody sees who reads secrets: the trail cannot be read"
    assert _about_the_trail(town.mails()) == [f"[rotator] {title}", f"[rotator] Resolved: {title}"]
    (over,) = _about_the_trail(town.posts())
    assert over.startswith("✅ Resolved")
    assert queue.messages == {}


def _what(town: Town) -> str:
    """Why the trail cannot be read, as people are told of it; empty where they are not."""
    with town.journal() as journal:
        rows = [row.alert for row in journal.alerts(unclosed=True) if row.alert.kind == "trail_silent"]
    return rows[0].facts["What"] if rows else ""


def _about_the_trail(told: list[str]) -> list[str]:
    return [one for one in told if "nobody sees who reads secrets" in one]
