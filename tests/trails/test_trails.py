"""Three ways that records take, and one contract."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta

import pytest

from rotator.model.errors import Refused, Transient
from rotator.sandbox.faults import Fault, Rule
from rotator.sandbox.sources.trail_files import FilesSource
from rotator.sandbox.sources.trail_lookup import LookupSource
from rotator.sandbox.sources.trail_queue import QueueSource
from rotator.testing.trail_contract import Reader, TrailContract, TrailWorld, a_record
from rotator.testing.virtual_clock import VirtualClock
from rotator.trails import s3
from rotator.trails.cloudtrail import ACTS
from rotator.trails.lookup import OVERLAP
from rotator.trails.queue import MOST_TRIES
from tests.trails.worlds import BUCKET, FilesWorld, LookupWorld, QueueWorld, notice

#: `make test` runs them: `make check` is for what the engine and the first sources rest on.
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("aws_login")]


@pytest.fixture
def queue_world() -> Iterator[QueueWorld]:
    clock = VirtualClock()
    queue = QueueSource(clock)
    with queue.server.serving() as address:
        yield QueueWorld(clock, queue, {"sqs": address})


@pytest.fixture
def files_world() -> Iterator[FilesWorld]:
    clock = VirtualClock()
    queue, files = QueueSource(clock), FilesSource()
    with ExitStack() as serving:
        places = {
            "sqs": serving.enter_context(queue.server.serving()),
            "s3": serving.enter_context(files.serving()),
        }
        yield FilesWorld(clock, queue, files, places)


@pytest.fixture
def lookup_world() -> Iterator[LookupWorld]:
    clock = VirtualClock()
    source = LookupSource(clock)
    with source.server.serving() as address:
        yield LookupWorld(clock, source, address)


@pytest.mark.slow
class TestSqs(TrailContract):
    @pytest.fixture
    def world(self, queue_world: QueueWorld) -> TrailWorld:
        return queue_world


@pytest.mark.slow
class TestS3(TrailContract):
    @pytest.fixture
    def world(self, files_world: FilesWorld) -> TrailWorld:
        return files_world


@pytest.mark.slow
class TestLookup(TrailContract):
    @pytest.fixture
    def world(self, lookup_world: LookupWorld) -> TrailWorld:
        return lookup_world


def test_what_was_written_down_leaves_the_queue_and_what_nobody_can_read_stays_for_its_redrive_policy(
    queue_world: QueueWorld,
) -> None:
    reader = Reader(queue_world)
    queue_world.happens(*(a_record(queue_world.clock.now()) for _ in range(25)))
    queue_world.spoils()
    reader.poll()
    (left,) = queue_world.queue.messages.values()
    assert left.body == "spoilt {"


def test_what_nobody_can_read_is_let_go_of_after_so_many_tries(queue_world: QueueWorld) -> None:
    reader = Reader(queue_world)
    queue_world.spoils()
    for _ in range(MOST_TRIES):
        assert len(queue_world.queue.messages) == 1
        reader.poll()
        queue_world.clock.sleep(120)
    assert queue_world.queue.messages == {}


def test_a_lost_answer_to_a_deletion_brings_what_is_known_again_and_no_more(queue_world: QueueWorld) -> None:
    reader, record = Reader(queue_world), a_record(queue_world.clock.now())
    queue_world.happens(record)
    queue_world.queue.weather.set_faults([Rule(Fault.LOST_ANSWER, "DeleteMessageBatch", times=1)])
    with pytest.raises(Transient):
        reader.poll()
    assert reader.poll() == []


def test_a_queue_that_is_not_there_is_refused_with_its_name(queue_world: QueueWorld) -> None:
    queue_world.queue.name = "another"
    with pytest.raises(Refused, match="no queue rotator-trail in eu-central-1 of account 111122223333"):
        Reader(queue_world).poll()


@pytest.mark.parametrize("envelope", ["sns", "record", "records"])
def test_records_are_read_without_an_envelope_and_in_that_of_sns(
    queue_world: QueueWorld, envelope: str
) -> None:
    record = a_record(queue_world.clock.now())
    event = {"detail-type": "AWS API Call via CloudTrail", "detail": record}
    body = {
        "sns": {"Type": "Notification", "Message": json.dumps(event)},
        "record": record,
        "records": {"Records": [record]},
    }[envelope]
    queue_world.queue.send(json.dumps(body))
    Reader(queue_world).until(record["eventID"])


@pytest.mark.parametrize("how", ["sns", "eventbridge", "cloudtrail"])
def test_a_file_is_announced_in_any_of_four_ways(files_world: FilesWorld, how: str) -> None:
    record = a_record(files_world.clock.now())
    files_world.happens(record)
    (name,) = files_world.files.objects
    key = name.removeprefix(f"{BUCKET}/")
    detail = {"bucket": {"name": BUCKET}, "object": {"key": key}}
    files_world.queue.messages.clear()
    body = {
        "sns": {"Type": "Notification", "Message": json.dumps(notice(BUCKET, key))},
        "eventbridge": {"detail-type": "Object Created", "detail": detail},
        "cloudtrail": {"s3Bucket": BUCKET, "s3ObjectKey": [key]},
    }[how]
    files_world.queue.send(json.dumps(body))
    files_world.queue.send(json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent"}))
    reader = Reader(files_world)
    reader.until(record["eventID"])
    assert files_world.queue.messages == {}
    assert reader.malformed == []


def test_digests_are_passed_over_and_another_bucket_is_not_read(files_world: FilesWorld) -> None:
    reader, content = Reader(files_world), json.dumps({"Records": [a_record(files_world.clock.now())]})
    digest = "AWSLogs/111122223333/CloudTrail-Digest/eu-central-1/2026/11/26/digest.json.gz"
    files_world.written(content.encode(), digest)
    reader.poll()
    assert (reader.malformed, files_world.queue.messages) == ([], {})
    files_world.written(content.encode(), bucket="somebody-s")
    reader.poll()
    assert f"not in the bucket {BUCKET}" in reader.malformed[0]
    assert files_world.files.weather.counts["calls"] == {}


def test_a_file_that_is_gone_is_told(files_world: FilesWorld) -> None:
    reader = Reader(files_world)
    files_world.happens(a_record(files_world.clock.now()))
    files_world.files.objects.clear()
    reader.poll()
    assert "is not there any more" in reader.malformed[0]


def test_a_file_that_is_too_large_is_told_and_not_held(
    files_world: FilesWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "LARGEST_FILE", 100)
    reader = Reader(files_world)
    files_world.happens(*(a_record(files_world.clock.now()) for _ in range(30)))
    reader.poll()
    assert "is larger than" in reader.malformed[0]


def test_what_cloudtrail_tells_late_is_found_at_a_later_look(lookup_world: LookupWorld) -> None:
    reader, record = Reader(lookup_world), a_record(lookup_world.clock.now())
    lookup_world.source.lag = OVERLAP - timedelta(minutes=2)
    reader.poll()
    lookup_world.happens(record)
    for _ in range(14):
        lookup_world.clock.sleep(120)
        reader.poll()
    assert record["eventID"] in reader.known


def test_a_long_past_is_written_down_hour_by_hour_and_begun_where_it_ended(
    lookup_world: LookupWorld,
) -> None:
    reader = Reader(lookup_world)
    reader.poll()
    first = a_record(lookup_world.clock.now())
    lookup_world.happens(first)
    lookup_world.clock.sleep(timedelta(hours=30).total_seconds())
    moments = [delivery.progress for delivery in reader.poll() if delivery.progress]
    assert len(moments) >= 30
    assert [moments.index(one) for one in moments] == [*range(len(moments))], "each is further"
    for name in ACTS:
        hours = [one.split(" ")[3] for one in moments[:-1] if one.split(" ")[2] == name]
        assert len(hours) >= 30
        assert hours == sorted(hours)
    assert moments[-1] == lookup_world.clock.now().isoformat()
    assert first["eventID"] in reader.known
    assert reader.poll() == [], "it was looked a moment ago"


def test_every_look_is_paced_by_the_account_s_quota(lookup_world: LookupWorld) -> None:
    Reader(lookup_world).poll()
    asked = lookup_world.source.weather.counts["calls"]["cloudtrail.LookupEvents"]
    # Two, says the API reference of LookupEvents, for the account and the region.
    assert lookup_world.pacer.paced == [("cloudtrail:eu-central-1", 2.0, 1)] * asked
