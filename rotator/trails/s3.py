"""CloudTrail's log files in S3, announced through a queue of SQS by the bucket's notifications, EventBridge or SNS.

The most complete trail, about five minutes behind (CloudTrail User Guide, "How CloudTrail works"). Digest files and
Insights are none of ours. A message is deleted when all of its files are written down; a part of a file that was
written down before comes again with it, and is known.

Permissions beside those on the queue: s3:GetObject on the log files, and kms:Decrypt where the trail encrypts them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from boto3.session import Session
from botocore.config import Config

from rotator.aws import READING, Failure, Service
from rotator.contracts.adapter import Surroundings
from rotator.contracts.trail import Delivery
from rotator.model.errors import Refused, RotatorError
from rotator.model.policy import TrailPolicy
from rotator.trails.bodies import files_in
from rotator.trails.cloudtrail import Malformed
from rotator.trails.deliveries import Reading
from rotator.trails.log_files import records_of
from rotator.trails.queue import Message, Queue

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

#: Files are larger than messages.
_HIDDEN = timedelta(minutes=5)
#: CloudTrail writes a file every few minutes, of a few MiB at most.
LARGEST_FILE = 16 << 20
#: So many accesses are handed on at once.
PIECE = 500
_LOG = re.compile(r"(.+/)?AWSLogs/.*/CloudTrail/.+\.json\.gz")


class _NoSuchFile(Refused):
    """It was there once: a lifecycle rule deleted it, or somebody did."""


class S3Trail:
    """Log files of CloudTrail."""

    needs: ClassVar[str] = "a queue that announces them, and s3:GetObject on the log files"
    tried_on: ClassVar[str] = "a stand-in for SQS and S3, and moto"

    def __init__(self, policy: TrailPolicy, around: Surroundings) -> None:
        """Files of the policy's bucket alone are read, whatever a message says."""
        self._around, self._bucket = around, policy.bucket
        self._queue = Queue(policy.queue, around, _HIDDEN)
        self._s3 = Service("S3", self._connect, READING, _verdict, around.installation)

    def poll(self, progress: str) -> Iterator[Delivery]:  # noqa: ARG002 - the queue itself knows how far we are
        """Every file that waits, in pieces; the last of a message has its receipt. Raises Transient or Refused."""
        while messages := self._queue.receive():
            for message in messages:
                yield from self._read(message)

    def forget(self, delivery: Delivery) -> None:
        """Deletes the message. Raises Transient or Refused: then it comes again."""
        self._queue.let_go(delivery.receipt.split())

    def _read(self, message: Message) -> Iterator[Delivery]:
        reading, understood = Reading(), True
        try:
            for bucket, key in files_in(message.body):
                for record in self._records(bucket, key):
                    reading.read((record,), "a record in a log file")
                    if len(reading.accesses) >= PIECE:
                        yield reading.delivery()
        except (Malformed, _NoSuchFile) as malformed:
            reading.complain(f"what a message in the queue announces cannot be understood: {malformed}")
            understood = False
        yield reading.delivery(receipt=message.receipt if understood or message.spent else "")

    def _records(self, bucket: str, key: str) -> Iterator[Any]:
        """Of one file; none of what is no log. Raises Malformed, _NoSuchFile, Transient."""
        if not _LOG.fullmatch(key):
            return iter(())
        if bucket != self._bucket:
            raise Malformed(f"the file is not in the bucket {self._bucket}")
        return records_of(self._s3.ask(lambda s3: _content(s3, bucket, key), "read a log file of CloudTrail"))

    def _connect(self, session: Session, config: Config) -> S3Client:
        return session.client(
            "s3",
            region_name=self._queue.region,
            endpoint_url=self._around.endpoint("s3"),
            config=config,
        )


def _content(s3: S3Client, bucket: str, key: str) -> bytes:
    """All of it, read while S3 can still say that it failed. Raises Malformed."""
    answer = s3.get_object(Bucket=bucket, Key=key)
    with answer["Body"] as body:
        content = body.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise Malformed(f"the file is larger than {LARGEST_FILE >> 20} MiB")
    return content


def _verdict(failure: Failure) -> RotatorError | None:
    if failure.code in {"NoSuchKey", "404"}:
        return _NoSuchFile("the file is not there any more")
    return None
