"""Records of impossible times, late ones, and those that nobody can judge: they blind nobody and accuse nobody."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rotator.contracts.trail import Delivery
from rotator.engine.access.judge import Judge
from rotator.engine.watch import source_of
from rotator.model.access import Access, AccessFinding, AccessKind, Act, Asked, Principal
from rotator.model.alerts import AlertKind, Severity
from rotator.model.policy import During, OnUnexpectedRead
from rotator.model.watch import Watch
from tests.engine.things import DAY, HOUR, MINUTE, done, seen
from tests.engine.watch_world import (
    ACCOUNT,
    API,
    APP,
    HOLD,
    MALLORY,
    ROTATOR,
    SOURCE,
    WatchedWorld,
    role,
    rule,
)

#: `make test` runs them, as it does those of the watch itself.
pytestmark = pytest.mark.slow


@pytest.fixture
def world(watched: WatchedWorld) -> WatchedWorld:
    return watched


def watch_of(world: WatchedWorld) -> Watch:
    watch = world.journal.watch(source_of(SOURCE))
    assert watch is not None
    return watch


@pytest.mark.parametrize(
    "moment",
    [
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(2025, 6, 1, tzinfo=UTC),
        datetime(2026, 6, 10, 23, tzinfo=UTC),
        datetime(2100, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
    ],
)
def test_a_record_of_an_impossible_time_is_counted_and_hides_nobody(
    world: WatchedWorld, moment: datetime
) -> None:
    world.begins()
    world.reads(role("eve"), at=moment)
    world.reads()
    world.watches(HOLD)
    world.tell()
    assert [one.principal for one in world.seen()] == [str(MALLORY)]
    assert world.open_alerts()[AlertKind.TRAIL_SILENT].title.startswith("records of who read what cannot")
    newest = watch_of(world).newest_at
    assert newest is not None and newest <= world.clock.now()


def test_what_an_earlier_version_kept_of_an_impossible_time_hides_nobody(world: WatchedWorld) -> None:
    world.begins()
    kept = world.reads(role("eve"), at=datetime(1, 1, 1, tzinfo=UTC))
    world.trail.waits.pop()
    world.journal.note_accesses([kept], HOLD)
    world.journal.note_watch(
        watch_of(world).model_copy(update={"newest_at": datetime(2100, 1, 1, tzinfo=UTC)}), "us"
    )
    world.reads()
    world.watches(HOLD)
    assert [one.principal for one in world.seen()] == [str(MALLORY)]
    watch = watch_of(world)
    assert (watch.unread, watch.unread_said) == (1, "a record could not be judged (OverflowError)")
    assert watch.newest_at is not None and watch.newest_at <= world.clock.now()


def test_a_record_that_cannot_be_judged_is_passed_over_and_told(
    world: WatchedWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.begins()
    strange = world.reads(role("eve"))
    others = [role(f"role-{number}") for number in range(9)]
    for one in others:
        world.reads(one)
    judged = Judge.findings

    def stumbles(judge: Judge, access: Access) -> list[AccessFinding]:
        if access.event_id == strange.event_id:
            raise ZeroDivisionError
        return list(judged(judge, access))

    monkeypatch.setattr(Judge, "findings", stumbles)
    world.watches(HOLD)
    world.tell()
    assert {one.principal for one in world.seen()} == {str(one) for one in others}
    assert watch_of(world).unread == 1
    assert "ZeroDivisionError" in world.open_alerts()[AlertKind.TRAIL_SILENT].facts["What"]


def test_records_that_nobody_judges_for_an_hour_are_told_until_they_are_judged(
    world: WatchedWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.begins()
    world.reads()
    world.watches()

    def falls_over(_limit: int) -> list[Access]:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(world.journal, "held_accesses", falls_over)
        for turn in range(30):
            world.passes(3 * MINUTE)
            world.delivers(world.own_read())
            with pytest.raises(ZeroDivisionError):
                world.turn()
            world.tell()
            assert turn > 10 or AlertKind.TRAIL_SILENT not in world.open_alerts()
    assert world.open_alerts()[AlertKind.TRAIL_SILENT].title.endswith("records are not judged")
    world.watches(MINUTE)
    world.tell()
    assert set(world.open_alerts()) == {AlertKind.UNKNOWN_ACTOR}


def test_after_nobody_watched_for_days_records_are_not_called_late_at_once(world: WatchedWorld) -> None:
    world.begins()
    world.passes(5 * DAY)
    world.reads(at=world.clock.now().replace(microsecond=0) - 2 * HOUR)
    world.turn()
    world.tell()
    assert AlertKind.TRAIL_SILENT not in world.open_alerts()


NAMES = tuple(f"KEY_{number}" for number in range(12))


def held_back(world: WatchedWorld, *accesses: Access) -> list[Delivery]:
    """What tells of these is on its way yet."""
    kept = [one for one in world.trail.waits if set(one.accesses) & set(accesses)]
    world.trail.waits = [one for one in world.trail.waits if one not in kept]
    return kept


@pytest.mark.parametrize("late", [26 * HOUR, 4 * DAY])
def test_a_backlog_of_days_accuses_no_application_that_was_deployed(
    world: WatchedWorld, late: timedelta
) -> None:
    world.begins(*NAMES, on_unexpected_read=OnUnexpectedRead.ROTATE)
    world.watches(30 * MINUTE)
    world.starts()
    world.turn()
    kept = held_back(world, *(world.reads(APP, name) for name in NAMES))
    for _ in range(late // (12 * MINUTE)):
        world.watches()
        world.passes(9 * MINUTE)
    world.trail.waits += kept
    world.watches(HOLD)
    assert (world.seen(), world.journal.requests()) == ([], [])


def test_a_backlog_older_than_what_is_known_of_starts_is_told_quietly_and_rotates_nothing(
    world: WatchedWorld,
) -> None:
    world.begins(*NAMES, on_unexpected_read=OnUnexpectedRead.ROTATE)
    world.starts()
    world.turn()
    kept = held_back(world, *(world.reads(APP, name) for name in NAMES))
    for _ in range(6 * 24):
        world.watches()
        world.passes(HOUR - 3 * MINUTE)
    long_known = {API.id: world.clock.now() - 9 * DAY}
    world.journal.note_watch(watch_of(world).model_copy(update={"starts_since": long_known}), "us")
    world.trail.waits += kept
    world.watches(HOLD)
    assert {one.severity for one in world.seen()} == {Severity.INFO}
    assert {one.kind for one in world.seen()} == {
        AccessKind.ACCESS_OUTSIDE_DEPLOYMENT,
        AccessKind.BULK_READ,
    }
    assert all("starts are known from" in one.why for one in world.seen())
    assert world.journal.requests() == []
    world.tell()
    told = world.open_alerts()
    assert {
        told[kind].facts["Done"] for kind in (AlertKind.ACCESS_OUTSIDE_DEPLOYMENT, AlertKind.BULK_READ)
    } == {"nothing that changes anything"}, "and says so"


def sweep(world: WatchedWorld, *, late: slice) -> list[Delivery]:
    """Twelve secrets are read within a minute; what tells of some of these reads comes later."""
    world.begins(*NAMES)
    world.watches()
    begun = world.clock.now().replace(microsecond=0)
    reads = [world.reads(MALLORY, name, at=begun + timedelta(seconds=n)) for n, name in enumerate(NAMES)]
    kept = held_back(world, *reads[late])
    world.passes(MINUTE)
    world.watches(HOLD)
    return kept


def bulk(world: WatchedWorld) -> list[tuple[int, int]]:
    """How often, and how many secrets."""
    return [(one.times, len(one.secrets)) for one in world.seen() if one.kind is AccessKind.BULK_READ]


@pytest.mark.parametrize(
    "late", [slice(0, 6), slice(3, 9), slice(6, 12), slice(0, 12), slice(0, 2), slice(5, 6)]
)
def test_many_secrets_are_told_once_whichever_of_their_records_come_late(
    world: WatchedWorld, late: slice
) -> None:
    kept = sweep(world, late=late)
    assert len(bulk(world)) == (1 if late == slice(5, 6) else 0)
    for one in kept:
        world.trail.waits.append(one)
        world.watches(6 * MINUTE)
    ((times, named),) = bulk(world)
    assert times == 1
    assert named >= 11
    world.watches(HOLD)
    assert bulk(world) == [(times, named)]


def test_a_late_record_of_many_that_were_told_adds_its_secret_and_counts_no_second_time(
    world: WatchedWorld,
) -> None:
    kept = sweep(world, late=slice(0, 1))
    assert bulk(world) == [(1, 11)]
    world.trail.waits += kept
    world.watches(HOLD)
    assert bulk(world) == [(1, 12)]


def test_a_second_sweep_of_a_day_counts_as_a_second(world: WatchedWorld) -> None:
    sweep(world, late=slice(0, 0))
    world.watches(3 * HOUR)
    for name in NAMES:
        world.reads(MALLORY, name)
    world.watches(HOLD)
    assert [times for times, _named in bulk(world)] == [2]


ESO = role("eso")


def versions_are_known(world: WatchedWorld, begun: datetime) -> None:
    """Version 6 was there; rotator made 7 ten minutes later, and somebody else 8 after twenty; a scan has seen both."""
    name = "/taly/production/KEY"
    wrote = done(begun + 10 * MINUTE, version=7)
    world.has(wrote.model_copy(update={"opened_at": begun}))
    seen_at = {7: begun + 10 * MINUTE, 8: begun + 20 * MINUTE}
    world.looked(seen(version=8, observed_at=begun + 30 * MINUTE, written={name: seen_at}))


@pytest.mark.parametrize("seed", range(6))
def test_old_versions_are_told_alike_in_whatever_order_records_come(watched: WatchedWorld, seed: int) -> None:
    world = watched
    world.begins(readers=(rule("eso"), rule("taly-rotator", During.ROTATION)))
    begun = world.clock.now().replace(microsecond=0)

    def asks(version: int, minutes: int, who: Principal = ESO, **changes: Any) -> Access:
        asked = Asked("/taly/production/KEY", ACCOUNT, version)
        return world.reads(who, at=begun + minutes * MINUTE, asked=(asked,), **changes)

    put = {"api": "PutParameter", "act": Act.WRITE}
    asks(7, 10, ROTATOR, **put)
    asks(8, 20, role("stranger"), **put)
    for version, minutes in ((6, 5), (7, 15), (8, 25)):  # each the current one then
        asks(version, minutes)
    asks(6, 15)
    asks(7, 25)
    asks(6, 26, role("other"))
    waits, world.trail.waits = world.trail.waits, []
    world.passes(30 * MINUTE)
    versions_are_known(world, begun)
    random.Random(seed).shuffle(waits)
    for one in waits:
        world.trail.waits.append(one)
        world.watches(3 * MINUTE)
    world.watches(HOUR)
    told = {one.principal: one.times for one in world.seen() if one.kind is AccessKind.OLD_VERSION_READ}
    assert told == {str(ESO): 2, str(role("other")): 1}


def test_a_version_that_was_written_while_nobody_scanned_accuses_nobody(world: WatchedWorld) -> None:
    """The record of 8 is late, 9 is known: whoever read 7 before both may have read the current one."""
    world.begins(readers=(rule("eso"),))
    begun = world.clock.now().replace(microsecond=0)
    asked = Asked("/taly/production/KEY", ACCOUNT, 9)
    world.reads(ROTATOR, at=begun + 5 * MINUTE, asked=(asked,), api="PutParameter", act=Act.WRITE)
    world.reads(ESO, at=begun, asked=(Asked("/taly/production/KEY", ACCOUNT, 7),))
    world.passes(20 * MINUTE)
    world.watches(HOUR)
    assert not [one for one in world.seen() if one.kind is AccessKind.OLD_VERSION_READ]
