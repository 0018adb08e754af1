"""The promises of Trail as tests: a trail's test class inherits `TrailContract` and provides a `world`."""

# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Protocol

import pytest

from rotator.contracts.clock import Clock
from rotator.contracts.trail import Delivery, Trail
from rotator.model.errors import Transient

#: A delivery that nobody forgot comes again within it.
PATIENCE = timedelta(minutes=10)
#: So many polls are enough for whatever these tests let happen.
_POLLS = 12
MANY = 120


class TrailWorld(Protocol):
    """The far side of a trail. Everything but `trail()` acts past it."""

    clock: Clock

    def trail(self) -> Trail:
        """The trail, made anew as after a restart."""

    def happens(self, *records: Mapping[str, Any]) -> None:
        """AWS records these calls."""

    def spoils(self) -> None:
        """Something that is no record stands between the others."""

    def lose_next_answer(self) -> None:
        """The next call takes effect, and its answer is lost."""

    def throttle_next(self) -> None:
        """The next call is turned away for now."""

    def go_away(self) -> None:
        """Nothing answers until come_back()."""

    def come_back(self) -> None:
        """Everything answers again."""


def a_record(at: datetime, name: str = "/taly/production/KEY", **changes: Any) -> dict[str, Any]:
    """One read, as CloudTrail records it."""
    account = "111122223333"
    issuer = {
        "type": "Role",
        "arn": f"arn:aws:iam::{account}:role/app",
        "accountId": account,
        "userName": "app",
    }
    record = {
        "eventVersion": "1.11",
        "eventID": secrets.token_hex(16),
        "eventTime": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "eventSource": "ssm.amazonaws.com",
        "eventName": "GetParameter",
        "awsRegion": "eu-central-1",
        "userIdentity": {
            "type": "AssumedRole",
            "principalId": "AROAEXAMPLE:pod",
            "arn": f"arn:aws:sts::{account}:assumed-role/app/pod",
            "accountId": account,
            "sessionContext": {"sessionIssuer": issuer},
        },
        "requestParameters": {"name": name, "withDecryption": True},
        "responseElements": None,
        "recipientAccountId": account,
    }
    return {**record, **changes}


class Reader:
    """Reads a trail as the daemon does: what was delivered is written down, then forgotten."""

    def __init__(self, world: TrailWorld) -> None:
        self.world, self.progress = world, ""
        self.known: dict[str, int] = {}  # event id -> how often it was delivered
        self.malformed: list[str] = []
        self.largest = 0

    def poll(self, *, forgets: bool = True) -> list[Delivery]:
        """One turn, with a trail made anew."""
        trail, deliveries = self.world.trail(), list[Delivery]()
        for delivery in trail.poll(self.progress):
            deliveries.append(delivery)
            for access in delivery.accesses:
                self.known[access.event_id] = self.known.get(access.event_id, 0) + 1
            self.malformed += delivery.malformed
            self.largest = max(self.largest, len(delivery.accesses))
            if forgets:
                self.progress = delivery.progress or self.progress
                trail.forget(delivery)
        return deliveries

    def until(self, *ids: str) -> None:
        """Turns, minutes apart, until these have come; trouble is tried again."""
        for _ in range(_POLLS):
            with suppress(Transient):
                self.poll()
            if self.known.keys() >= set(ids):
                return
            self.world.clock.sleep(PATIENCE.total_seconds() / 4)
        missing = set(ids) - self.known.keys()
        raise AssertionError(f"{len(missing)} of {len(ids)} records never came")


class TrailContract:
    """Every promise of rotator.contracts.trail."""

    @pytest.fixture
    def world(self) -> TrailWorld:
        """The far side; every test gets its own."""
        raise NotImplementedError("a test class of TrailContract provides its world")

    def test_what_happened_is_delivered(self, world: TrailWorld) -> None:
        record = a_record(world.clock.now())
        reader = Reader(world)
        reader.poll()
        world.happens(record)
        world.clock.sleep(PATIENCE.total_seconds())
        reader.until(record["eventID"])

    def test_it_is_a_trail(self, world: TrailWorld) -> None:
        assert isinstance(world.trail(), Trail)

    def test_an_hour_of_many_records_comes_whole_and_in_pieces(self, world: TrailWorld) -> None:
        reader = Reader(world)
        reader.poll()
        now = world.clock.now()
        records = [a_record(now + timedelta(seconds=number)) for number in range(MANY)]
        world.happens(*records)
        world.clock.sleep(PATIENCE.total_seconds())
        reader.until(*(record["eventID"] for record in records))
        assert reader.largest < MANY

    def test_nothing_comes_where_nothing_happened(self, world: TrailWorld) -> None:
        reader = Reader(world)
        reader.poll()
        assert reader.known == {}

    def test_what_nobody_recorded_comes_again(self, world: TrailWorld) -> None:
        reader, record = Reader(world), a_record(world.clock.now())
        reader.poll()
        world.happens(record)
        world.clock.sleep(PATIENCE.total_seconds())
        reader.poll(forgets=False)
        world.clock.sleep(PATIENCE.total_seconds())
        reader.known.clear()
        reader.until(record["eventID"])

    def test_to_forget_twice_is_to_forget_once(self, world: TrailWorld) -> None:
        reader, record = Reader(world), a_record(world.clock.now())
        reader.poll()
        world.happens(record)
        world.clock.sleep(PATIENCE.total_seconds())
        deliveries = reader.poll(forgets=False)
        trail = world.trail()
        for delivery in (*deliveries, *deliveries):
            trail.forget(delivery)

    def test_a_lost_answer_loses_no_record(self, world: TrailWorld) -> None:
        reader = Reader(world)
        reader.poll()
        records = [a_record(world.clock.now()) for _ in range(30)]
        world.happens(*records)
        world.clock.sleep(PATIENCE.total_seconds())
        world.lose_next_answer()
        reader.until(*(record["eventID"] for record in records))

    def test_later_is_no_record_lost(self, world: TrailWorld) -> None:
        reader = Reader(world)
        reader.poll()
        records = [a_record(world.clock.now()) for _ in range(30)]
        world.happens(*records)
        world.clock.sleep(PATIENCE.total_seconds())
        world.throttle_next()
        reader.until(*(record["eventID"] for record in records))

    def test_a_source_that_is_away_is_transient_and_nothing_is_lost(self, world: TrailWorld) -> None:
        reader, record = Reader(world), a_record(world.clock.now())
        reader.poll()
        world.happens(record)
        world.clock.sleep(PATIENCE.total_seconds())
        world.go_away()
        with pytest.raises(Transient):
            reader.poll()
        world.come_back()
        reader.until(record["eventID"])

    def test_what_is_no_record_is_told_and_holds_nobody_up(self, world: TrailWorld) -> None:
        reader, records = Reader(world), [a_record(world.clock.now()) for _ in range(3)]
        reader.poll()
        world.happens(records[0])
        world.spoils()
        world.happens(*records[1:])
        world.clock.sleep(PATIENCE.total_seconds())
        reader.until(*(record["eventID"] for record in records))
        assert reader.malformed
        assert not any("spoilt" in sentence for sentence in reader.malformed), "its content is nobody's"

    def test_calls_that_touch_no_parameter_are_passed_over(self, world: TrailWorld) -> None:
        reader, wanted = Reader(world), a_record(world.clock.now())
        reader.poll()
        world.happens(a_record(world.clock.now(), eventName="DescribeParameters"), wanted)
        world.clock.sleep(PATIENCE.total_seconds())
        reader.until(wanted["eventID"])
        assert reader.known.keys() == {wanted["eventID"]}
        assert not reader.malformed
