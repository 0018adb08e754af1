"""The far sides of the three trails."""

from __future__ import annotations

import gzip
import json
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus

from rotator.contracts.clock import Clock
from rotator.contracts.trail import Trail
from rotator.model.policy import TrailPolicy
from rotator.sandbox.faults import Fault, Outage, Rule
from rotator.sandbox.sources.trail_files import FilesSource
from rotator.sandbox.sources.trail_lookup import LookupSource
from rotator.sandbox.sources.trail_queue import QueueSource
from rotator.testing.surroundings import FreePacer, surroundings
from rotator.testing.virtual_clock import VirtualClock
from rotator.trails.lookup import LookupTrail
from rotator.trails.s3 import S3Trail
from rotator.trails.sqs import SqsTrail

QUEUE, BUCKET = "arn:aws:sqs:eu-central-1:111122223333:rotator-trail", "taly-trail"


class QueueWorld:
    """EventBridge fills a queue."""

    def __init__(self, clock: VirtualClock, queue: QueueSource, places: Mapping[str, str]) -> None:
        self.clock: Clock = clock
        self.queue, self.places = queue, places

    def trail(self) -> Trail:
        policy = TrailPolicy(kind="sqs", queue=QUEUE)
        return SqsTrail(policy, surroundings(clock=self.clock, endpoints=self.places))

    def happens(self, *records: Mapping[str, Any]) -> None:
        for record in records:
            event = {"source": "aws.ssm", "detail-type": "AWS API Call via CloudTrail", "detail": record}
            self.queue.send(json.dumps(event))

    def spoils(self) -> None:
        self.queue.send("spoilt {")

    def lose_next_answer(self) -> None:
        self._meets(Fault.LOST_ANSWER, "ReceiveMessage")

    def throttle_next(self) -> None:
        self._meets(Fault.THROTTLED, "ReceiveMessage")

    def go_away(self) -> None:
        self.queue.weather.set_outages({"sqs": Outage.UNAVAILABLE})

    def come_back(self) -> None:
        self.queue.weather.set_outages({})

    def _meets(self, fault: Fault, operation: str) -> None:
        self.queue.weather.set_faults([Rule(fault, operation, times=1)])


class FilesWorld(QueueWorld):
    """CloudTrail writes files, and the bucket tells the queue of each."""

    def __init__(
        self, clock: VirtualClock, queue: QueueSource, files: FilesSource, places: Mapping[str, str]
    ) -> None:
        super().__init__(clock, queue, places)
        self.files = files

    def trail(self) -> Trail:
        policy = TrailPolicy(kind="s3", queue=QUEUE, bucket=BUCKET)
        return S3Trail(policy, surroundings(clock=self.clock, endpoints=self.places))

    def happens(self, *records: Mapping[str, Any]) -> None:
        """A file for every forty."""
        for first in range(0, len(records), 40):
            self.written(json.dumps({"Records": records[first : first + 40]}).encode())

    def written(self, content: bytes, key: str = "", bucket: str = BUCKET) -> None:
        """A file in gzip, and a message about it."""
        folder = "AWSLogs/111122223333/CloudTrail/eu-central-1/2026/11/26"
        key = key or f"{folder}/111122223333_CloudTrail_{secrets.token_hex(8)}.json.gz"
        self.files.objects[f"{bucket}/{key}"] = gzip.compress(content)
        self.queue.send(json.dumps(notice(bucket, key)))

    def spoils(self) -> None:
        self.written(b'{"Records": [{"spoilt": ')

    def lose_next_answer(self) -> None:
        self.files.weather.set_faults([Rule(Fault.LOST_ANSWER, "GetObject", times=2)])

    def throttle_next(self) -> None:
        self.files.weather.set_faults([Rule(Fault.THROTTLED, "GetObject", times=2)])

    def go_away(self) -> None:
        self.files.weather.set_outages({"s3": Outage.CLOSED})

    def come_back(self) -> None:
        self.files.weather.set_outages({})


class LookupWorld:
    """CloudTrail is asked."""

    def __init__(self, clock: VirtualClock, source: LookupSource, address: str) -> None:
        self.clock: Clock = clock
        self.source, self.address = source, address
        self.pacer = FreePacer()

    def trail(self) -> Trail:
        around = surroundings(clock=self.clock, pacer=self.pacer, endpoints={"cloudtrail": self.address})
        return LookupTrail(TrailPolicy(kind="lookup-events"), around)

    def happens(self, *records: Mapping[str, Any]) -> None:
        for record in records:
            self.source.happens(record)

    def spoils(self) -> None:
        self.source.happens("spoilt {")

    def lose_next_answer(self) -> None:
        self._meets(Fault.LOST_ANSWER)

    def throttle_next(self) -> None:
        self._meets(Fault.THROTTLED)

    def go_away(self) -> None:
        self.source.weather.set_outages({"cloudtrail": Outage.UNAVAILABLE})

    def come_back(self) -> None:
        self.source.weather.set_outages({})

    def _meets(self, fault: Fault) -> None:
        self.source.weather.set_faults([Rule(fault, "LookupEvents", times=2)])


def notice(bucket: str, key: str) -> dict[str, Any]:
    """As S3 tells of a new object."""
    s3 = {"bucket": {"name": bucket}, "object": {"key": quote_plus(key)}}
    return {"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": s3}]}
