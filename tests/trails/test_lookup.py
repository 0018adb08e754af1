"""LookupEvents in an account that has more to tell than fits into a turn: looks of several turns, and nothing lost."""

from __future__ import annotations

import bisect
import json
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from rotator.model.errors import Refused
from rotator.model.policy import TrailPolicy
from rotator.testing.surroundings import surroundings
from rotator.testing.trail_contract import a_record
from rotator.testing.virtual_clock import VirtualClock
from rotator.trails.cloudtrail import ACTS
from rotator.trails.lookup import LONGEST_SLICE, NAMES, OVERLAP, PAGE, SLICE, Look, LookupTrail, look_of

if TYPE_CHECKING:
    from mypy_boto3_cloudtrail.type_defs import LookupEventsRequestTypeDef

#: As those of the other trails.
pytestmark = pytest.mark.slow

#: As the watch reads: half a minute, then it judges; and two calls a second.
TURN, CALL = 30.0, 0.5
HOUR = timedelta(hours=1)


class Account:
    """What CloudTrail remembers, in the order of time; it answers with the newest first."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.events: dict[str, list[tuple[datetime, str]]] = {name: [] for name in NAMES}
        self.asked: Counter[str] = Counter()

    def happen(self, name: str, moments: Sequence[datetime]) -> set[str]:
        """Their ids."""
        records = [a_record(at, eventName=name) for at in sorted(moments)]
        self.events[name] += [
            (at.replace(microsecond=0), json.dumps(one))
            for at, one in zip(sorted(moments), records, strict=True)
        ]
        return {one["eventID"] for one in records}

    def page(self, question: LookupEventsRequestTypeDef) -> Any:
        """A page of the answer."""
        self.clock.sleep(CALL)
        name = question["LookupAttributes"][0]["AttributeValue"]
        self.asked[name] += 1
        events = self.events[name]
        begin, end = (
            datetime.fromisoformat(str(question[key])).replace(microsecond=0)  # as it goes over the wire
            for key in ("StartTime", "EndTime")
        )
        first = bisect.bisect_left(events, begin, key=lambda one: one[0])
        last = bisect.bisect_right(events, end, key=lambda one: one[0])
        found, place = events[first:last][::-1], int(question.get("NextToken") or 0)
        page = {"Events": [{"CloudTrailEvent": text} for _, text in found[place : place + PAGE]]}
        return {**page, "NextToken": str(place + PAGE)} if place + PAGE < len(found) else page


class Watcher:
    """Takes turns with a trail that is made anew for each, as after a restart."""

    def __init__(self, account: Account) -> None:
        self.account, self.progress = account, ""
        self.heard: Counter[str] = Counter()

    def turn(self, killed: Callable[[], bool] = lambda: False) -> bool:
        """Whether the look was at its end; `killed` ends the turn before what was delivered is written down."""
        trail = LookupTrail(TrailPolicy(kind="lookup-events"), surroundings(clock=self.account.clock))
        trail._look = self.account.page  # type: ignore[method-assign]  # no wire: thousands of pages
        begun = self.account.clock.monotonic()
        for delivery in trail.poll(self.progress):
            if killed():
                return False
            self.heard.update(access.event_id for access in delivery.accesses)
            self.progress = delivery.progress or self.progress
            if self.account.clock.monotonic() - begun > TURN:
                break
        self.account.clock.sleep(20)
        return " " not in self.progress

    def look(self, killed: Callable[[], bool] = lambda: False) -> int:
        """A whole one; how many turns it took."""
        for turn in range(1, 200):
            if self.turn(killed):
                return turn
        raise AssertionError(f"a look that never ends: {self.progress}")


@pytest.fixture
def account() -> Account:
    return Account(VirtualClock())


def in_the_last_hour(account: Account, many: int, seed: int = 1) -> list[datetime]:
    random, now = Random(seed), account.clock.now()
    return [now - HOUR * random.random() for _ in range(many)]


def begun(account: Account) -> Watcher:
    """It has looked an hour and a half ago."""
    watcher = Watcher(account)
    watcher.progress = (account.clock.now() - HOUR + OVERLAP).isoformat()
    return watcher


def test_every_call_that_the_judge_judges_is_looked_up_the_most_frequent_one_last() -> None:
    assert sorted(NAMES) == sorted(ACTS)
    assert (NAMES[0], NAMES[-1]) == ("GetParameterHistory", "GetParameter")


@pytest.mark.parametrize("many", [3500, 9000])
def test_more_than_fits_into_a_turn_is_read_in_several_and_what_is_rare_comes_first(
    account: Account, many: int
) -> None:
    watcher, often = begun(account), account.happen("GetParameter", in_the_last_hour(account, many))
    rare = account.happen("GetParameterHistory", in_the_last_hour(account, 3))
    watcher.turn()
    assert watcher.heard.keys() >= rare
    assert watcher.look() > 1
    assert watcher.heard.keys() == often | rare
    wasted = account.asked["GetParameter"] - many / PAGE
    assert wasted * CALL < 6 * LONGEST_SLICE, "what was too long was begun anew for the half of its span"


def test_whoever_is_killed_at_any_page_loses_nothing(account: Account) -> None:
    random, watcher = Random(7), begun(account)
    happened = {
        identity
        for name in ("GetParameter", "DeleteParameter", "PutParameter")
        for identity in account.happen(name, in_the_last_hour(account, 3500, seed=len(name)))
    }
    watcher.look(killed=lambda: random.random() < 0.01)
    assert watcher.heard.keys() == happened


def test_what_happens_in_one_second_is_read_whole_however_often_its_span_was_halved(account: Account) -> None:
    watcher, now = begun(account), account.clock.now()
    burst = [now - timedelta(minutes=20)] * 1800
    happened = account.happen("GetParameter", [*burst, *in_the_last_hour(account, 200)])
    watcher.look()
    assert watcher.heard.keys() == happened


def test_while_a_look_goes_on_for_long_what_comes_late_is_found_by_the_next(account: Account) -> None:
    watcher = begun(account)
    account.happen("GetParameter", in_the_last_hour(account, 3500))
    watcher.turn()
    begin = account.clock.now()
    late = account.happen("PutParameter", [begin - OVERLAP + timedelta(minutes=1)])  # of names that were read
    watcher.look()
    account.clock.sleep(60)
    watcher.look()
    assert watcher.heard.keys() >= late


def test_the_next_look_begins_half_an_hour_before_the_last_one_began(account: Account) -> None:
    watcher = begun(account)
    began = account.clock.now()
    account.happen("GetParameter", in_the_last_hour(account, 3500))
    assert watcher.look() > 1
    assert datetime.fromisoformat(watcher.progress) == began


LOOKED, UNTIL = datetime(2026, 11, 27, 9, 0, tzinfo=UTC), datetime(2026, 11, 27, 12, 0, tzinfo=UTC)


def test_a_look_is_as_the_journal_keeps_it() -> None:
    look = Look(LOOKED, UNTIL, "PutParameter", LOOKED, timedelta(minutes=15))
    assert look.progress == (
        "2026-11-27T09:00:00+00:00 2026-11-27T12:00:00+00:00 PutParameter 2026-11-27T09:00:00+00:00 900"
    )


def test_what_cloudtrail_has_forgotten_is_not_asked_for() -> None:
    assert look_of(UNTIL - timedelta(days=400), UNTIL).at == UNTIL - timedelta(days=90)


@pytest.mark.parametrize(
    "progress, asks",
    [
        (
            LOOKED.isoformat(),
            ("GetParameterHistory", LOOKED - OVERLAP),
        ),  # as versions before this one wrote it
        (look_of(LOOKED, UNTIL, "GetParameters").progress, ("GetParameters", LOOKED - OVERLAP)),
        (Look(LOOKED, UNTIL, "GetParameter", UNTIL - SLICE).progress, ("GetParameter", UNTIL - SLICE)),
        # Of a version that knows more names than this one.
        (f"{LOOKED.isoformat()} {UNTIL.isoformat()} ReadParameter x 1", (NAMES[0], LOOKED - OVERLAP)),
    ],
)
def test_it_goes_on_where_it_was(progress: str, asks: tuple[str, datetime]) -> None:
    asked = []
    trail = LookupTrail(TrailPolicy(kind="lookup-events"), surroundings(clock=VirtualClock(UNTIL)))

    def page(question: LookupEventsRequestTypeDef) -> Any:
        asked.append((question["LookupAttributes"][0]["AttributeValue"], question["StartTime"]))
        return {"Events": []}

    trail._look = page  # type: ignore[method-assign]  # no wire
    next(trail.poll(progress))
    assert asked == [asks]


def test_what_is_no_progress_is_refused() -> None:
    trail = LookupTrail(TrailPolicy(kind="lookup-events"), surroundings(clock=VirtualClock()))
    with pytest.raises(Refused, match="is no time"):
        next(trail.poll("yesterday"))
