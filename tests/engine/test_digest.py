"""The digest: once for each of its times, sorted by what needs a person, and nothing where there is nothing to say."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, time, timedelta
from unittest.mock import Mock

import pytest

from rotator.engine.digest import Digests
from rotator.model.alerts import Alert, AlertKind, Severity
from rotator.model.hours import DigestTimes, QuietHours
from rotator.model.policy import AlertPolicy, OwnerPolicy
from tests.engine.things import DAY, HOUR, MINUTE, NOW, policies, policy
from tests.engine.world import World

OWNERS = {
    "platform": OwnerPolicy(name="platform", addresses={"slack": "#ops"}),
    "dba": OwnerPolicy(name="dba", addresses={"slack": "#dba"}),
}
NINE = DigestTimes(at=time(9), timezone="Europe/Warsaw")


@pytest.fixture
def post(world: World) -> World:
    alerts = AlertPolicy(digest=NINE, repeat=())
    world.today = policies(policy(), owners=OWNERS).model_copy(update={"alerts": alerts})
    Digests(world).keep()
    return world


def alert(number: int, severity: Severity = Severity.INFO, **changes: object) -> Alert:
    filled = {
        "identity": f"due_soon/{number}",
        "kind": AlertKind.DUE_SOON,
        "severity": severity,
        "owner": "platform",
        "title": f"KEY_{number}: due soon",
        "opened_at": NOW,
    }
    return Alert.model_validate({**filled, **changes})


def days(world: World, number: float = 1) -> list[Alert]:
    """What was read while so many days went by, looked at every half hour."""
    digests = Digests(world)
    for _ in range(int(number * 48)):
        world.passes(HOUR / 2)
        digests.keep()
        world.deliver()
    told = [one for _, one in world.slack.read]
    world.slack.read.clear()
    return told


def test_what_is_info_is_told_in_the_digest_only(post: World) -> None:
    for number in range(22):
        post.journal.post_alert(alert(number), timedelta())
    assert post.deliver() == 0
    (digest,) = days(post)
    assert digest.kind is AlertKind.DIGEST
    assert (digest.title, len(digest.members)) == ("digest: 22 open", 22)
    assert digest.opened_at == datetime(2026, 6, 11, 7, tzinfo=UTC), "09:00 in Warsaw"


def test_without_a_digest_info_is_told_at_once(post: World) -> None:
    post.today = post.today.model_copy(update={"alerts": AlertPolicy()})
    post.journal.post_alert(alert(1), timedelta())
    assert post.deliver() == 1


def test_what_needs_a_person_stands_first_then_the_loudest_then_the_oldest(post: World) -> None:
    post.journal.post_alert(alert(1), timedelta())
    post.journal.post_alert(alert(2, Severity.WARNING, kind=AlertKind.OVERDUE), timedelta())
    post.journal.post_alert(alert(3, Severity.WARNING, kind=AlertKind.BY_HAND), timedelta())
    post.journal.post_alert(alert(4, opened_at=NOW - DAY), timedelta())
    *_, digest = days(post)
    assert [one.title[4] for one in digest.members] == ["3", "2", "4", "1"]
    assert digest.title == "digest: 1 thing needs a person, 4 open"


def test_each_owner_gets_their_own(post: World) -> None:
    post.journal.post_alert(alert(1), timedelta())
    post.journal.post_alert(alert(2, owner="dba"), timedelta())
    post.journal.post_alert(alert(3, owner="who left"), timedelta())
    told = {one.owner: [member.title[4] for member in one.members] for one in days(post)}
    assert told == {"platform": ["1", "3"], "dba": ["2"]}


def test_it_is_sent_once_for_each_time_and_once_after_several_that_were_missed(post: World) -> None:
    post.journal.post_alert(alert(1), timedelta())
    assert [one.opened_at.day for one in days(post, 3)] == [11, 12, 13]
    post.passes(3 * DAY)
    assert [one.opened_at.day for one in days(post, 0.1)] == [16]


def test_two_replicas_send_one_and_one_of_another_hour_is_no_reopened_conversation(post: World) -> None:
    post.journal.post_alert(alert(1), timedelta())
    replicas = [Digests(post), Digests(post)]
    for _ in range(2):
        post.passes(DAY)
        for replica in replicas:
            replica.keep()
            post.deliver()
    assert len(post.slack.read) == 2
    assert post.slack.earlier == [None, None]


def test_the_outbox_is_looked_through_once_for_each_time(
    post: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = Mock(wraps=post.journal.alerts)
    monkeypatch.setattr(post.journal, "alerts", looks)
    digests = Digests(post)
    for _ in range(3 * 48):
        post.passes(HOUR / 2)
        digests.keep()
    assert looks.call_count == 4, "at its start, and at each of three times"


def test_whoever_joins_the_owners_gets_the_next_digest(post: World) -> None:
    digests = Digests(post)
    digests.keep()
    new = OwnerPolicy(name="data", addresses={"slack": "#data"})
    post.today = post.today.model_copy(update={"owners": {**OWNERS, "data": new}})
    digests.keep()
    post.journal.post_alert(alert(1, owner="data"), timedelta())
    post.passes(DAY)
    digests.keep()
    post.deliver()
    told = [one for _, one in post.slack.read if one.kind is AlertKind.DIGEST]
    assert "data" in [one.owner for one in told]


def test_the_first_look_sends_nothing_for_a_time_that_was_before_it(world: World) -> None:
    world.today = policies(policy(), owners=OWNERS).model_copy(update={"alerts": AlertPolicy(digest=NINE)})
    world.journal.post_alert(alert(1), timedelta())
    Digests(world).keep()
    assert world.deliver() == 0


def test_one_that_could_not_be_delivered_comes_later_and_gives_way_to_the_next(post: World) -> None:
    post.journal.post_alert(alert(1), timedelta())
    with post.without("#ops"):
        assert days(post) == []
    assert [one.opened_at.day for one in days(post, 0.1)] == [11]
    with post.without("#ops"):
        assert days(post, 1.5) == []
    assert [one.opened_at.day for one in days(post, 0.1)] == [12]


def test_nothing_to_say_is_said_once_a_week_to_the_default_owner(post: World) -> None:
    told = days(post, 22)
    assert [(one.title, one.owner) for one in told] == [("digest: all is well", "platform")] * 4
    assert [one.opened_at.day for one in told] == [11, 18, 25, 2]


def test_what_opens_after_an_empty_digest_waits_for_the_next(post: World) -> None:
    days(post, 2)
    post.journal.post_alert(alert(1), timedelta())
    assert days(post, 0.25) == []
    assert len(days(post, 1)) == 1


def test_only_on_its_days(post: World) -> None:
    times = DigestTimes(at=time(9), days=("mon", "thu"), timezone="Europe/Warsaw")
    post.today = post.today.model_copy(update={"alerts": AlertPolicy(digest=times)})
    post.journal.post_alert(alert(1), timedelta())
    assert [f"{one.opened_at:%a}" for one in days(post, 14)] == ["Thu", "Mon", "Thu", "Mon"]


@pytest.mark.parametrize(
    "at, begin, count",
    [
        (time(2, 30), datetime(2026, 3, 27, tzinfo=UTC), 5),  # the night in which 02:30 is skipped
        (time(2, 30), datetime(2026, 10, 23, tzinfo=UTC), 5),  # the night in which it comes twice
    ],
)
def test_when_clocks_change_each_day_has_one_time(at: time, begin: datetime, count: int) -> None:
    times = DigestTimes(at=at, timezone="Europe/Warsaw")
    found = {times.latest(begin + minute * MINUTE) for minute in range(24 * 60, 24 * 60 * (count + 1), 7)}
    local = sorted(found)
    assert len(local) == count + 1
    assert all(
        timedelta(hours=22) < later - one < timedelta(hours=26) for one, later in itertools.pairwise(local)
    )


QUIET = QuietHours(begins=time(20), ends=time(8), timezone="Europe/Warsaw")


@pytest.mark.parametrize(
    "now, over",
    [
        ("2026-06-10T12:00", "2026-06-10T12:00"),
        ("2026-06-10T18:00", "2026-06-11T06:00"),
        ("2026-06-11T05:59", "2026-06-11T06:00"),
        ("2026-06-11T06:00", "2026-06-11T06:00"),
        ("2026-03-28T22:00", "2026-03-29T06:00"),  # the night is an hour shorter
        ("2026-10-24T22:00", "2026-10-25T07:00"),  # an hour longer
    ],
)
def test_quiet_hours_end_by_the_clock_on_the_wall(now: str, over: str) -> None:
    moment, ends = (datetime.fromisoformat(one).replace(tzinfo=UTC) for one in (now, over))
    assert QUIET.over(moment, Severity.WARNING) == ends
    assert QUIET.over(moment, Severity.CRITICAL) == moment


def test_quiet_hours_within_a_day() -> None:
    quiet = QuietHours(begins=time(12), ends=time(13))
    assert quiet.over(datetime(2026, 1, 1, 12, 30, tzinfo=UTC), Severity.INFO).hour == 13
    assert quiet.over(datetime(2026, 1, 1, 13, 30, tzinfo=UTC), Severity.INFO).hour == 13
