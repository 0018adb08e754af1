"""Somebody reads a secret: from a record in a queue to the message that people read, through the real daemon."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rotator.clock import SystemClock
from rotator.model.watch import Disposition
from rotator.sandbox.aws import ACCOUNT, REGION, AwsWorld
from rotator.sandbox.people import PeopleWorld
from rotator.sandbox.sources.trail_queue import QueueSource
from rotator.testing.trail_contract import a_record
from tests.daemon.world import TOKEN, Town

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

ACCESS = {
    "source": {"kind": "sqs", "queue": f"arn:aws:sqs:{REGION}:{ACCOUNT}:rotator-trail"},
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
