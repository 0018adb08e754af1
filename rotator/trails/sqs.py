"""EventBridge's events from a queue of SQS: the recommended trail, minutes behind and without a file in between.

The rule must be in the state ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS, or no read is ever delivered (EventBridge
User Guide, "Receiving read-only management events from AWS services"), and a trail of the account must log management
events that read. Records as they are, and SNS's envelope around either, are read as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import ClassVar

from rotator.contracts.adapter import Surroundings
from rotator.contracts.trail import Delivery
from rotator.model.policy import TrailPolicy
from rotator.trails.bodies import records_in
from rotator.trails.cloudtrail import Malformed
from rotator.trails.deliveries import Reading
from rotator.trails.queue import Queue

#: What ten messages say is written down in far less.
_HIDDEN = timedelta(minutes=1)


class SqsTrail:
    """Records that EventBridge put into a queue."""

    needs: ClassVar[str] = (
        "a rule of EventBridge; sqs:GetQueueUrl, ReceiveMessage and DeleteMessage on its queue"
    )
    tried_on: ClassVar[str] = "a stand-in for SQS, and moto"

    def __init__(self, policy: TrailPolicy, around: Surroundings) -> None:
        self._queue = Queue(policy.queue, around, _HIDDEN)

    def poll(self, progress: str) -> Iterator[Delivery]:  # noqa: ARG002 - the queue itself knows how far we are
        """What waits in the queue, ten messages at a time, until it is empty. Raises Transient or Refused."""
        while messages := self._queue.receive():
            reading, read = Reading(), list[str]()
            for message in messages:
                try:
                    reading.read(records_in(message.body), "a record in the queue")
                except Malformed as malformed:
                    reading.complain(f"a message in the queue cannot be understood: {malformed}")
                    if not message.spent:
                        continue
                read.append(message.receipt)
            yield reading.delivery(receipt="\n".join(read))

    def forget(self, delivery: Delivery) -> None:
        """Deletes the messages. Raises Transient or Refused: then they come again."""
        self._queue.let_go(delivery.receipt.split())
