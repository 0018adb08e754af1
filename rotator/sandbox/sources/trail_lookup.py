"""CloudTrail of the sandbox, as far as LookupEvents: the newest first, late, and in pages that may be empty.

From the API reference of LookupEvents: one attribute at most, fifty events a page, a token that is good for the same
question only, two calls a second. Simplified: nobody needs permissions, and nothing is forgotten after 90 days.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from rotator.contracts.clock import Clock
from rotator.sandbox.sources.aws_json import JsonServer
from rotator.sandbox.sources.aws_query import Call, Refusal
from rotator.sandbox.weather import Weather


class LookupSource:
    """What CloudTrail remembers. `lag`: so late it knows what happened."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.lag, self.weather = clock, timedelta(minutes=5), Weather()
        self.events: list[tuple[datetime, str, str]] = []  # when it is known, the call's name, the record
        self.server = JsonServer({"LookupEvents": self._look}, self.weather)

    def happens(self, record: Mapping[str, Any] | str, name: str = "") -> None:
        """AWS records a call now; a text is no record, and stands there as one."""
        text = record if isinstance(record, str) else json.dumps(record)
        name = name or (record["eventName"] if not isinstance(record, str) else "GetParameter")
        self.events.append((self.clock.now() + self.lag, name, text))

    def _look(self, call: Call) -> Mapping[str, Any]:
        attributes = call.given.get("LookupAttributes", [])
        if len(attributes) != 1 or attributes[0]["AttributeKey"] != "EventName":
            raise Refusal("InvalidLookupAttributesException", "One attribute, and here it is EventName.")
        if not 1 <= call.given["MaxResults"] <= 50:
            raise Refusal("InvalidMaxResultsException", "Between 1 and 50.")
        question = [call.given["StartTime"], call.given["EndTime"], attributes[0]["AttributeValue"]]
        begin, end = (datetime.fromtimestamp(float(one), UTC) for one in question[:2])
        if begin > end:
            raise Refusal("InvalidTimeRangeException", "It ends before it begins.")
        known = [
            (at, text)
            for visible, name, text in self.events
            if visible <= self.clock.now()
            and name == question[2]
            and begin <= (at := visible - self.lag).replace(microsecond=0) <= end
        ]
        found = sorted(known, key=lambda one: one[0], reverse=True)
        page = self._page(call, question)
        told = [
            {"EventId": str(number), "EventName": question[2], "EventTime": at, "CloudTrailEvent": text}
            for number, (at, text) in enumerate(found[page : page + 50])
        ]
        more = page + 50 < len(found) if page >= 0 else bool(found)
        token = json.dumps([max(0, page + 50 if page >= 0 else 0), *question])
        return {"Events": told if page >= 0 else [], **({"NextToken": token} if more else {})}

    def _page(self, call: Call, question: list[Any]) -> int:
        """Where the page begins; -1 for the first, which is empty."""
        if (token := call.given.get("NextToken")) is None:
            return -1
        place, *same = json.loads(token)
        if same != question:
            raise Refusal("InvalidNextTokenException", "The token belongs to another question.")
        return int(place)
