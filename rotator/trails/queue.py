"""A queue of SQS, as trails read it: messages come in tens, and are gone only once what they said is written down.

A message that was received is hidden from others for a while; whoever dies with it loses nothing, it comes back. So
does one that cannot be read: the queue's redrive policy puts it aside. Where there is none, it is let go of after so
many tries, or it would come back for days.

Permissions: sqs:GetQueueUrl, sqs:ReceiveMessage and sqs:DeleteMessage on the queue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from boto3.session import Session
from botocore.config import Config

from rotator.aws import Failure, Manner, Service
from rotator.contracts.adapter import Surroundings
from rotator.model.errors import Refused, RotatorError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import DeleteMessageBatchRequestEntryTypeDef

#: SQS gives no more at once.
AT_ONCE = 10
#: SIGTERM waits no longer than this for a queue that is empty.
_WAIT_SECONDS = 2
#: One that could not be read so often is let go of.
MOST_TRIES = 5
#: A receive waits for messages; one that is lost costs nothing, the messages come back.
_RECEIVING = Manner(
    Config(connect_timeout=1, read_timeout=_WAIT_SECONDS + 4, retries={"total_max_attempts": 1}),
    "the messages come back",
)
_GONE = frozenset(
    {
        "AWS.SimpleQueueService.NonExistentQueue",
        "QueueDoesNotExist",
        "AWS.SimpleQueueService.QueueDeletedRecently",
    }
)


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `tries`: how often SQS gave it to somebody, this time included; `receipt` lets go of it."""

    id: str
    body: str
    receipt: str
    tries: int

    @property
    def spent(self) -> bool:
        """Whether it was tried so often that another try would not help."""
        return self.tries >= MOST_TRIES


class Queue:
    """One queue, by its ARN. What is received is hidden from others for `hidden`."""

    def __init__(self, arn: str, around: Surroundings, hidden: timedelta) -> None:
        _arn, _partition, _sqs, self.region, self._account, self.name = arn.split(":")
        self._around, self._hidden = around, int(hidden.total_seconds())
        self._service = Service("SQS", self._connect, _RECEIVING, self._verdict, around.installation)
        self._url = ""

    def receive(self) -> Sequence[Message]:
        """Up to ten; none when the queue has been empty for two seconds. Raises Transient or Refused."""
        url = self._found()
        answer = self._service.ask(
            lambda sqs: sqs.receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=AT_ONCE,
                WaitTimeSeconds=_WAIT_SECONDS,
                VisibilityTimeout=self._hidden,
                AttributeNames=["ApproximateReceiveCount"],
            ),
            f"receive from {self.name}",
        )
        return [
            Message(
                one["MessageId"],
                one["Body"],
                one["ReceiptHandle"],
                int(one.get("Attributes", {}).get("ApproximateReceiveCount", "1")),
            )
            for one in answer.get("Messages", ())
        ]

    def let_go(self, receipts: Sequence[str]) -> None:
        """Deletes messages; those that SQS does not delete come back, and are known by then. Raises Transient."""
        for first in range(0, len(receipts), AT_ONCE):
            self._delete(receipts[first : first + AT_ONCE])

    def _delete(self, receipts: Sequence[str]) -> None:
        url = self._found()
        entries: Sequence[DeleteMessageBatchRequestEntryTypeDef] = [
            {"Id": str(number), "ReceiptHandle": receipt} for number, receipt in enumerate(receipts)
        ]
        self._service.ask(
            lambda sqs: sqs.delete_message_batch(QueueUrl=url, Entries=entries),
            f"let go of messages in {self.name}",
        )

    def _found(self) -> str:
        if not self._url:
            answer = self._service.ask(
                lambda sqs: sqs.get_queue_url(QueueName=self.name, QueueOwnerAWSAccountId=self._account),
                f"find the queue {self.name}",
            )
            self._url = answer["QueueUrl"]
        return self._url

    def _verdict(self, failure: Failure) -> RotatorError | None:
        if failure.code not in _GONE:
            return None
        self._url = ""
        # AWS says the same to whom the queue does not let see it: "does not exist or you do not have access to it".
        return Refused(
            f"there is no queue {self.name} in {self.region} of account {self._account}, or rotator may not see it"
        )

    def _connect(self, session: Session, config: Config) -> SQSClient:
        return session.client(
            "sqs", region_name=self.region, endpoint_url=self._around.endpoint("sqs"), config=config
        )
