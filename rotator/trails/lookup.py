"""LookupEvents: what CloudTrail remembers for 90 days, without a trail or a queue. Slow, and meant as a start.

Two calls a second for the whole account and region, 50 events a page, one attribute at a time (API reference of
LookupEvents). By the name of the service it would answer with every sign of life of the SSM agent, so each name of a
call is looked up by itself. Events come late and in no order: half an hour before the last look is looked at again, and
what is known by its id is passed over.

Permissions: cloudtrail:LookupEvents on *.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from boto3.session import Session
from botocore.config import Config

from rotator.aws import READING, Failure, Service
from rotator.contracts.adapter import Surroundings
from rotator.contracts.trail import Delivery
from rotator.model.errors import Refused, RotatorError
from rotator.model.policy import TrailPolicy
from rotator.trails.cloudtrail import ACTS
from rotator.trails.deliveries import Reading

if TYPE_CHECKING:
    from mypy_boto3_cloudtrail import CloudTrailClient
    from mypy_boto3_cloudtrail.type_defs import LookupEventsRequestTypeDef, LookupEventsResponseTypeDef

PER_SECOND, PAGE = 2.0, 50
REMEMBERED = timedelta(days=90)
#: CloudTrail delivers within about five minutes on average, and promises nothing.
OVERLAP = timedelta(minutes=30)
#: What is written down after each: a stop in the middle of a long past loses no more than this.
SLICE = timedelta(hours=1)
#: One look costs at least a call for each name; more often than this it would be the account's whole quota.
_EVERY = timedelta(minutes=1)


class LookupTrail:
    """What CloudTrail remembers."""

    needs: ClassVar[str] = "cloudtrail:LookupEvents"
    tried_on: ClassVar[str] = "a stand-in for CloudTrail"

    def __init__(self, _policy: TrailPolicy, around: Surroundings) -> None:
        self._around = around
        self._service = Service("CloudTrail", self._connect, READING, _verdict, around.installation)

    def poll(self, progress: str) -> Iterator[Delivery]:
        """Every page since then, the past hour by hour. Raises NotYet, Transient or Refused.

        `progress` is the moment up to which was looked.
        """
        now = self._around.clock.now()
        looked = _moment(progress) if progress else now
        if progress and now - looked < _EVERY:
            return
        begin = max(looked - OVERLAP, now - REMEMBERED)
        while begin < now:
            end = min(begin + SLICE, now)
            for name in ACTS:
                yield from self._pages(name, begin, end)
            yield Delivery((), progress=end.isoformat())
            begin = end

    def forget(self, delivery: Delivery) -> None:
        """Nothing is kept for us: our progress says what we know."""

    def _pages(self, name: str, begin: datetime, end: datetime) -> Iterator[Delivery]:
        """The token is good for the same question only."""
        question: LookupEventsRequestTypeDef = {
            "LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": name}],
            "StartTime": begin,
            "EndTime": end,
            "MaxResults": PAGE,
        }
        while True:
            answer = self._look(question)
            reading = Reading()
            reading.read((_record(event) for event in answer["Events"]), "an event that CloudTrail found")
            yield reading.delivery()
            if not answer.get("NextToken"):
                return
            question = {**question, "NextToken": answer["NextToken"]}

    def _look(self, question: LookupEventsRequestTypeDef) -> LookupEventsResponseTypeDef:
        self._around.pacer.pace(f"cloudtrail:{self._around.region}", PER_SECOND)
        return self._service.ask(lambda cloudtrail: cloudtrail.lookup_events(**question), "look up events")

    def _connect(self, session: Session, config: Config) -> CloudTrailClient:
        return session.client(
            "cloudtrail",
            region_name=self._around.region,
            endpoint_url=self._around.endpoint("cloudtrail"),
            config=config,
        )


def _record(event: Mapping[str, Any]) -> object:
    """The record itself is a text in it."""
    try:
        record: object = json.loads(event.get("CloudTrailEvent", ""))
    except (ValueError, RecursionError):
        return None
    return record


def _moment(progress: str) -> datetime:
    """Raises Refused."""
    try:
        return datetime.fromisoformat(progress).astimezone(UTC)
    except ValueError:
        raise Refused("what the journal knows of the last look is no time") from None


def _verdict(failure: Failure) -> RotatorError | None:
    if failure.code in {"InvalidLookupAttributesException", "InvalidTimeRangeException"}:
        return Refused(f"CloudTrail will not {failure.doing} ({failure.code})")
    return None
