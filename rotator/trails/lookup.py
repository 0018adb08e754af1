"""LookupEvents: what CloudTrail remembers for 90 days, without a trail or a queue. Slow, and meant as a start.

Two calls a second for the whole account and region, 50 events a page, one attribute at a time (API reference of
LookupEvents). By the name of the service it would answer with every sign of life of the SSM agent, so each name of a
call is looked up by itself, the rare ones first: whoever reads a history must not wait behind what the company reads
all day. Events come late and in no order: half an hour before the last look is looked at again, and what is known by
its id is passed over.

A turn of the watch ends after half a minute, which is sixty pages. A look goes on where the last turn ended, so a busy
account has looks of several turns. What takes too long to read for one span is read for the half of it.

Permissions: cloudtrail:LookupEvents on *.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from boto3.session import Session
from botocore.config import Config

from rotator.aws import READING, Failure, Service
from rotator.contracts.adapter import Surroundings
from rotator.contracts.trail import Delivery
from rotator.model.errors import Refused, RotatorError
from rotator.model.json_text import parsed
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
#: What is asked for at once, and written down after each, for each name: a stop in the middle of a long past loses no
#: more than this.
SLICE = timedelta(hours=1)
#: What has not ended by then is read for the half of its span. Less than half of a turn, so that one that begins with
#: it gets through.
LONGEST_SLICE = 10.0
#: Times of events are whole seconds.
_SHORTEST = timedelta(seconds=1)
_OFTEN = ("GetParametersByPath", "GetParameters", "GetParameter")
#: In this order.
NAMES = (*(name for name in ACTS if name not in _OFTEN), *_OFTEN)
#: One look costs at least a call for each name; more often than this it would be the account's whole quota.
_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class Look:
    """How far a look is: everything before `looked` is known, and it ends at `until`.

    Of names before `name` all is known, of `name` what was before `at`, of the others nothing yet.
    """

    looked: datetime
    until: datetime
    name: str
    at: datetime
    span: timedelta = SLICE

    @property
    def progress(self) -> str:
        """As the journal keeps it."""
        moments = (self.looked.isoformat(), self.until.isoformat())
        return " ".join((*moments, self.name, self.at.isoformat(), str(int(self.span.total_seconds()))))

    @property
    def end(self) -> datetime:
        """Of what is asked for at once."""
        return min(self.at + self.span, self.until)

    def read(self, *, quickly: bool) -> Look | None:
        """After all until `end` was read; None when that was all."""
        if self.end < self.until:
            return replace(self, at=self.end, span=min(self.span * 2, SLICE) if quickly else self.span)
        later = NAMES[NAMES.index(self.name) + 1 :]
        return look_of(self.looked, self.until, later[0]) if later else None

    def halved(self) -> Look:
        """Where the span is too long to be read."""
        return replace(self, span=max((self.end - self.at) / 2, _SHORTEST))


def look_of(looked: datetime, until: datetime, name: str = NAMES[0]) -> Look:
    """From the beginning, of this name."""
    return Look(looked, until, name, max(looked - OVERLAP, until - REMEMBERED))


class LookupTrail:
    """What CloudTrail remembers."""

    needs: ClassVar[str] = "cloudtrail:LookupEvents"
    tried_on: ClassVar[str] = "a stand-in for CloudTrail"

    def __init__(self, _policy: TrailPolicy, around: Surroundings) -> None:
        self._around = around
        self._service = Service("CloudTrail", self._connect, READING, _verdict, around.installation)

    def poll(self, progress: str) -> Iterator[Delivery]:
        """Every page since then, name by name, the past hour by hour. Raises NotYet, Transient or Refused.

        `progress` is the moment up to which was looked, or how far a look is.
        """
        now = self._around.clock.now()
        looked, ahead = _read(progress) if progress else (now, None)
        if ahead is None:
            if progress and now - looked < _EVERY:
                return
            ahead = look_of(looked, now)
        until = ahead.until
        while ahead is not None:
            ahead = yield from self._slice(ahead)
            yield Delivery((), progress=ahead.progress if ahead else until.isoformat())

    def forget(self, delivery: Delivery) -> None:
        """Nothing is kept for us: our progress says what we know."""

    def _slice(self, look: Look) -> Generator[Delivery, None, Look | None]:
        """All pages of a span, and how far the look is then. The token is good for the same question only."""
        begun, oldest = self._around.clock.monotonic(), self._around.clock.now() - REMEMBERED
        question: LookupEventsRequestTypeDef = {
            "LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": look.name}],
            "StartTime": min(max(look.at, oldest), look.end),
            "EndTime": look.end,
            "MaxResults": PAGE,
        }
        while True:
            answer = self._look(question)
            reading = Reading()
            reading.read((_record(event) for event in answer["Events"]), "an event that CloudTrail found")
            yield reading.delivery()
            took = self._around.clock.monotonic() - begun
            if not answer.get("NextToken"):
                return look.read(quickly=took < LONGEST_SLICE / 4)
            if took > LONGEST_SLICE and look.end - look.at > _SHORTEST:
                return look.halved()
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
        record: object = parsed(event.get("CloudTrailEvent", ""))
    except ValueError:
        return None
    return record


def _read(progress: str) -> tuple[datetime, Look | None]:
    """Up to when all is known, and how far a look is beyond. Raises Refused.

    Of what another version wrote that much is understood, too.
    """
    looked, *more = progress.split(" ")
    if len(more) != len(("until", "name", "at", "span")) or more[1] not in NAMES or not more[3].isdigit():
        return _moment(looked), None
    until, name, at, span = more
    seconds = max(timedelta(seconds=int(span)), _SHORTEST)
    return _moment(looked), Look(_moment(looked), _moment(until), name, _moment(at), seconds)


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
