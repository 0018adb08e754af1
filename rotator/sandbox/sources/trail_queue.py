"""SQS of the sandbox: one queue that is as forgetful of order, and as free with duplicates, as AWS says of a queue.

From the API reference of SQS: GetQueueUrl, ReceiveMessage, DeleteMessageBatch. A message that was received is hidden
for its visibility timeout and then comes again, at most ten at once, sometimes fewer, sometimes one that was given to
somebody else just now. Simplified: nobody waits for messages, nobody needs permissions, and nothing is put aside.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from rotator.contracts.clock import Clock
from rotator.sandbox.sources.aws_json import JsonServer
from rotator.sandbox.sources.aws_query import Call, Refusal
from rotator.sandbox.weather import Weather

#: Every so many messages one is given twice.
_TWICE = 7


@dataclass
class Waiting:
    """One message."""

    id: str
    body: str = field(repr=False)
    visible_at: datetime
    tries: int = 0
    receipt: str = ""


class QueueSource:
    """The queue `name`. `server` serves it."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.name, self.weather = clock, "rotator-trail", Weather()
        self.messages: dict[str, Waiting] = {}
        self.received = 0
        actions = {
            "GetQueueUrl": self._url,
            "ReceiveMessage": self._receive,
            "DeleteMessageBatch": self._delete,
        }
        self.server = JsonServer(actions, self.weather)

    def send(self, body: str) -> None:
        """Somebody sends a message."""
        message = Waiting(secrets.token_hex(8), body, self.clock.now())
        self.messages[message.id] = message

    def _url(self, call: Call) -> Mapping[str, Any]:
        if call.given["QueueName"] != self.name:
            raise Refusal("QueueDoesNotExist", "The specified queue does not exist.")
        return {"QueueUrl": f"https://sqs.eu-central-1.amazonaws.com/111122223333/{self.name}"}

    def _receive(self, call: Call) -> Mapping[str, Any]:
        """The newest first, as nobody promises."""
        if not 1 <= call.given["MaxNumberOfMessages"] <= 10 or call.given["WaitTimeSeconds"] > 20:
            raise Refusal("InvalidParameterValue", "Value for parameter is invalid.")
        now = self.clock.now()
        due = [one for one in reversed(self.messages.values()) if one.visible_at <= now]
        some = due[: max(1, call.given["MaxNumberOfMessages"] - len(due) % 3)]
        for one in some:
            self.received += 1
            one.tries += 1
            one.receipt = f"{one.id}#{one.tries}"
            again = self.received % _TWICE == 0 and one.tries == 1
            one.visible_at = now + timedelta(seconds=0 if again else call.given["VisibilityTimeout"])
        told = [
            {
                "MessageId": one.id,
                "ReceiptHandle": one.receipt,
                "Body": one.body,
                "Attributes": {"ApproximateReceiveCount": str(one.tries)},
            }
            for one in some
        ]
        return {"Messages": told} if told else {}

    def _delete(self, call: Call) -> Mapping[str, Any]:
        """By any receipt that it ever gave; what is gone is gone."""
        entries = call.given["Entries"]
        if not 1 <= len(entries) <= 10:
            raise Refusal("TooManyEntriesInBatchRequest", "At most ten, and at least one.")
        for entry in entries:
            self.messages.pop(entry["ReceiptHandle"].partition("#")[0], None)
        return {"Successful": [{"Id": entry["Id"]} for entry in entries], "Failed": []}
