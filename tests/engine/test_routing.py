"""Where alerts go and when: quiet hours, a page budget, and who stands in for whoever hears nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import time, timedelta

import pytest

from rotator.engine.alerts.about_installation import Installation, about_pages
from rotator.model.alerts import Alert, AlertKind, Severity
from rotator.model.hours import QuietHours
from rotator.model.policy import AlertPolicy, Budget, OwnerPolicy
from tests.engine.things import DAY, HOUR, MINUTE, NOW, policies, policy
from tests.engine.world import World

AT_ONCE = timedelta()
OWNERS = {
    "platform": OwnerPolicy(name="platform", addresses={"slack": "#ops", "email": "ops@taly"}),
    "dba": OwnerPolicy(name="dba", addresses={"slack": "#dba"}, escalate_to="oncall"),
    "oncall": OwnerPolicy(name="oncall", addresses={"email": "oncall@taly"}),
}
#: NOW is 12:00 UTC.
QUIET = QuietHours(begins=time(11), ends=time(18))


def alert(
    number: int, severity: Severity = Severity.WARNING, owner: str = "platform", **changes: object
) -> Alert:
    filled = {
        "identity": f"parked/{number}",
        "kind": AlertKind.PARKED,
        "severity": severity,
        "owner": owner,
        "title": f"KEY_{number}: parked",
        "opened_at": NOW,
    }
    return Alert.model_validate({**filled, **changes})


def closed(before: Alert) -> Alert:
    return before.model_copy(update={"closed_at": NOW + HOUR, "closing": "it goes on"})


@pytest.fixture
def under(world: World) -> Callable[..., World]:
    def made(**alerts: object) -> World:
        chosen = AlertPolicy.model_validate(alerts)
        world.today = policies(policy(), owners=OWNERS).model_copy(update={"alerts": chosen})
        return world

    return made


def read(world: World) -> list[str]:
    """Addresses that were told since the last time; "/ over" for an end."""
    told = [
        address + (" over" if one.closed else "")
        for channel in (world.slack, world.email)
        for address, one in channel.read
    ]
    world.slack.read.clear()
    world.email.read.clear()
    return told


# quiet hours


def test_quiet_hours_hold_until_they_are_over(under: Callable[..., World]) -> None:
    post = under(quiet_hours=QUIET)
    post.journal.post_alert(alert(1), AT_ONCE)
    for _ in range(11):
        assert post.deliver() == 0
        post.passes(HOUR / 2)
    post.passes(HOUR / 2)
    post.deliver()
    assert read(post) == ["#ops", "ops@taly"]


def test_what_is_over_by_then_is_told_never(under: Callable[..., World]) -> None:
    post = under(quiet_hours=QUIET)
    post.journal.post_alert(alert(1), AT_ONCE)
    post.deliver()
    post.journal.post_alert(closed(alert(1)), AT_ONCE)
    post.passes(DAY)
    assert post.deliver() == 0
    assert post.journal.alerts() == []


def test_critical_passes_also_when_it_was_held_before_it_got_worse(under: Callable[..., World]) -> None:
    post = under(quiet_hours=QUIET)
    post.journal.post_alert(alert(1), AT_ONCE)
    post.deliver()
    post.journal.post_alert(alert(1, Severity.CRITICAL), AT_ONCE)
    post.deliver()
    assert read(post) == ["#ops", "ops@taly"]


@pytest.mark.parametrize("severity, waits", [(Severity.WARNING, True), (Severity.CRITICAL, False)])
def test_an_end_waits_unless_people_were_told_of_something_critical(
    under: Callable[..., World], severity: Severity, *, waits: bool
) -> None:
    post = under()
    post.journal.post_alert(alert(1, severity), AT_ONCE)
    post.deliver()
    read(post)
    post = under(quiet_hours=QUIET)
    post.journal.post_alert(closed(alert(1)), AT_ONCE)
    assert post.deliver() == (0 if waits else 2)
    post.passes(6 * HOUR)
    assert post.deliver() == (2 if waits else 0)
    assert read(post) == ["#ops over", "ops@taly over"]
    assert post.journal.alerts() == []


def test_repeats_wait_too(under: Callable[..., World]) -> None:
    post = under(repeat=(DAY,))
    post.journal.post_alert(alert(1), AT_ONCE)
    post.deliver()
    read(post)
    post = under(repeat=(DAY,), quiet_hours=QUIET)
    post.passes(DAY)
    assert post.deliver() == 0
    post.passes(6 * HOUR)
    assert post.deliver() == 2


def test_what_was_held_together_is_one_message_in_the_morning(under: Callable[..., World]) -> None:
    post = under(quiet_hours=QUIET)
    for number in range(5):
        post.journal.post_alert(alert(number), AT_ONCE)
        post.deliver()
        post.passes(MINUTE)
    post.passes(6 * HOUR)
    assert post.deliver() == 2


# pages


def paged(post: World, number: int) -> list[str]:
    """Who was told of a critical alert of the dba."""
    post.journal.post_alert(alert(number, Severity.CRITICAL, "dba"), AT_ONCE)
    post.deliver()
    post.passes(MINUTE)
    return read(post)


def about(post: World) -> list[tuple[str, str]]:
    here = Installation(post.today, post.journal.now())
    return [(one.alert.owner, one.alert.title) for one in about_pages(here, post.journal.alerts())]


def test_two_pages_a_shift_then_one_for_all_the_rest(under: Callable[..., World]) -> None:
    post = under(budget=Budget())
    assert [paged(post, number) for number in range(5)] == [["#dba", "oncall@taly"]] * 2 + [["#dba"]] * 3
    assert about(post) == [("oncall", "3 more critical alerts")]
    (found,) = about_pages(Installation(post.today, post.journal.now()), post.journal.alerts())
    post.journal.post_alert(found.alert, AT_ONCE)
    post.deliver()
    assert [(address, one.kind) for address, one in post.email.read] == [
        ("oncall@taly", AlertKind.PAGES_HELD)
    ]
    post.email.read.clear()
    assert paged(post, 6) == ["#dba"]


def test_the_next_shift_is_told_of_what_is_still_critical(under: Callable[..., World]) -> None:
    post = under(budget=Budget(), repeat=())
    for number in range(4):
        paged(post, number)
    post.journal.post_alert(closed(alert(2, Severity.CRITICAL, "dba")), AT_ONCE)
    post.deliver()
    assert read(post) == ["#dba over"], "who was not told of it is not told of its end"
    post.passes(12 * HOUR)
    post.deliver()
    assert read(post) == ["oncall@taly"]
    assert about(post) == []


def test_a_page_goes_on_without_using_up_another(under: Callable[..., World]) -> None:
    post = under(budget=Budget(pages=1), repeat=(HOUR,))
    assert paged(post, 1) == ["#dba", "oncall@taly"]
    post.passes(HOUR)
    post.deliver()
    assert read(post) == ["#dba", "oncall@taly"]
    assert paged(post, 2) == ["#dba"]


def test_a_page_that_is_over_still_counts(under: Callable[..., World]) -> None:
    post = under(budget=Budget(pages=1))
    paged(post, 1)
    post.journal.post_alert(closed(alert(1, Severity.CRITICAL, "dba")), AT_ONCE)
    post.deliver()
    read(post)
    assert paged(post, 2) == ["#dba"]


def test_many_at_once_are_one_page(under: Callable[..., World]) -> None:
    post = under(budget=Budget(pages=2))
    for number in range(10):
        post.journal.post_alert(alert(number, Severity.CRITICAL, "dba"), AT_ONCE)
    post.deliver()
    assert read(post) == ["#dba", "oncall@taly"]
    assert paged(post, 11) == ["#dba", "oncall@taly"]
    assert paged(post, 12) == ["#dba"]


# who hears nothing


def test_where_nobody_hears_for_a_quarter_of_an_hour_the_default_owner_stands_in(
    under: Callable[..., World],
) -> None:
    post = under(repeat=())
    post.journal.post_alert(alert(1, owner="dba"), AT_ONCE)
    with post.without("#dba"):
        began = post.journal.now()
        while not post.deliver():
            post.passes(timedelta(seconds=15))
        assert read(post) == ["#ops", "ops@taly"]
        assert 15 * MINUTE <= post.journal.now() - began <= 18 * MINUTE
        post.passes(HOUR)
        assert post.deliver() == 0, "they are told once"
    post.passes(5 * MINUTE)
    post.deliver()
    assert read(post) == ["#dba"], "whoever is back hears of it"
    post.journal.post_alert(closed(alert(1, owner="dba")), AT_ONCE)
    post.deliver()
    assert sorted(read(post)) == ["#dba over", "#ops over", "ops@taly over"]


def test_nobody_stands_in_where_one_of_their_addresses_heard(under: Callable[..., World]) -> None:
    post = under(repeat=())
    post.today = post.today.model_copy(
        update={
            "owners": {
                **OWNERS,
                "dba": OwnerPolicy(name="dba", addresses={"slack": "#dba", "email": "dba@taly"}),
            }
        }
    )
    post.journal.post_alert(alert(1, owner="dba"), AT_ONCE)
    with post.without("#dba"):
        for _ in range(60):
            post.deliver()
            post.passes(MINUTE)
    assert read(post) == ["dba@taly"]
