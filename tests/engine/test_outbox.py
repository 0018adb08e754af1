"""The outbox: who is told, how often, and what a lost answer or a dead address does."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from rotator.contracts.guard import guard
from rotator.engine.report.troubles import troubles
from rotator.engine.settings import Bounds
from rotator.model.alerts import Alert, AlertKind, AlertState, Hush, Receipt, Severity
from rotator.model.errors import JournalAway, NotYet, Refused, Transient
from rotator.model.policy import AlertPolicy, OwnerPolicy
from tests.delivery import deliver_due
from tests.engine.things import DAY, HOUR, MINUTE, NOW, policies, policy, seen
from tests.engine.world import Channel, Meanwhile, World

AT_ONCE = timedelta()
PLATFORM = OwnerPolicy(name="platform", addresses={"slack": "#ops", "email": "ops@taly"}, escalate_to="head")
LATER_TOO = PLATFORM.model_copy(update={"addresses": {**PLATFORM.addresses, "pagerduty": "key"}})
OWNERS = {
    "platform": PLATFORM,
    "head": OwnerPolicy(name="head", addresses={"email": "head@taly"}),
    "dba": OwnerPolicy(name="dba", addresses={"slack": "#dba"}),
    "pager": OwnerPolicy(name="pager", addresses={"pagerduty": "key"}),
}


def alert(severity: Severity = Severity.WARNING, **changes: Any) -> Alert:
    filled = {
        "identity": "parked/production/KEY/r1",
        "kind": AlertKind.PARKED,
        "severity": severity,
        "owner": "platform",
        "title": "KEY: parked",
        "opened_at": NOW,
    }
    return Alert(**{**filled, **changes})


def closed(**changes: Any) -> Alert:
    return alert(closed_at=NOW + HOUR, closing="it goes on", **changes)


@pytest.fixture
def post(world: World) -> World:
    world.today = policies(policy(), owners=OWNERS)
    return world


def read(world: World) -> list[tuple[str, str]]:
    """(address, what) since the last time."""
    told = [
        (address, "over" if alert.closed else alert.severity.name.lower())
        for channel in (world.slack, world.email)
        for address, alert in channel.read
    ]
    world.slack.read.clear()
    world.email.read.clear()
    return told


EVERYBODY = [("#ops", "warning"), ("ops@taly", "warning")]


def test_every_address_of_its_owner_is_told_once(post: World) -> None:
    post.journal.post_alert(alert(), AT_ONCE)
    assert post.deliver() == 2
    assert read(post) == EVERYBODY
    for _ in range(10):
        post.passes(HOUR)
        assert post.deliver() == 0


@pytest.mark.parametrize(
    "owner, severity, told",
    [
        ("dba", Severity.WARNING, ["#dba"]),
        ("platform", Severity.CRITICAL, ["#ops", "ops@taly", "head@taly"]),
        ("nobody", Severity.WARNING, ["#ops", "ops@taly"]),
        ("", Severity.WARNING, ["#ops", "ops@taly"]),
        ("pager", Severity.WARNING, ["#ops", "ops@taly"]),
        ("nobody", Severity.CRITICAL, ["#ops", "ops@taly", "head@taly"]),
        ("dba", Severity.CRITICAL, ["#dba"]),
        ("head", Severity.CRITICAL, ["head@taly"]),
    ],
)
def test_who_is_told(post: World, owner: str, severity: Severity, told: list[str]) -> None:
    """Its owner; whoever has no channel here is stood in for by the default owner; critical escalates."""
    post.journal.post_alert(alert(severity, owner=owner), AT_ONCE)
    post.deliver()
    assert [address for address, _ in read(post)] == told


def test_if_nobody_can_be_told_the_log_says_so_and_the_alert_is_kept(post: World) -> None:
    post.today = policies(policy(), owners={})
    post.journal.post_alert(alert(), AT_ONCE)
    with capture_logs() as lines:
        assert post.deliver() == 0
    assert [(line["log_level"], line["alert"]) for line in lines] == [("error", "parked/production/KEY/r1")]
    post.today = policies(policy(), owners=OWNERS)
    post.passes(5 * MINUTE)
    assert post.deliver() == 2


def test_nothing_is_sent_before_group_wait_and_nothing_if_it_ends_before(post: World) -> None:
    post.journal.post_alert(alert(), timedelta(seconds=30))
    post.passes(timedelta(seconds=29))
    assert post.deliver() == 0
    post.journal.post_alert(closed(), AT_ONCE)
    post.passes(HOUR)
    assert post.deliver() == 0
    assert post.journal.alerts() == []


def test_worse_is_told_again_and_better_is_not(post: World) -> None:
    post.journal.post_alert(alert(), AT_ONCE)
    post.deliver()
    read(post)
    post.journal.post_alert(alert(Severity.CRITICAL), AT_ONCE)
    post.deliver()
    assert read(post) == [("#ops", "critical"), ("ops@taly", "critical"), ("head@taly", "critical")]
    assert [one and one.data for one in post.slack.earlier] == [None, {"number": "1"}], "in the same thread"
    post.journal.post_alert(alert(), AT_ONCE)
    post.passes(MINUTE)
    post.deliver()
    assert read(post) == []


def test_that_it_was_critical_is_kept_where_it_was_told(post: World) -> None:
    """Its severity may fall, and its end says nothing of it."""
    for one in (alert(), alert(Severity.CRITICAL), alert(), closed()):
        post.journal.post_alert(one, AT_ONCE)
        post.deliver()
    (row,) = post.journal.alerts(unclosed=False)
    assert row.alert.severity is Severity.WARNING
    assert {key: receipt.critical for key, receipt in row.receipts.items()} == {
        "slack:#ops": True,
        "email:ops@taly": True,
        "email:head@taly": True,
    }


def test_the_end_is_told_to_exactly_those_who_were_told(post: World) -> None:
    """Also to whom it was escalated, and to an address that has left the policy since."""
    post.journal.post_alert(alert(Severity.CRITICAL), AT_ONCE)
    with post.without("ops@taly"):
        post.deliver()
    assert [address for address, _ in read(post)] == ["#ops", "head@taly"]
    post.today = policies(
        policy(), owners={"platform": OwnerPolicy(name="platform", addresses={"slack": "#new"})}
    )
    post.journal.post_alert(closed(severity=Severity.WARNING), AT_ONCE)
    post.passes(HOUR)
    post.deliver()
    assert read(post) == [("#ops", "over"), ("head@taly", "over")]
    assert post.journal.alerts() == []


def test_an_alert_that_opens_again_is_told_again(post: World) -> None:
    post.journal.post_alert(alert(), AT_ONCE)
    post.deliver()
    post.journal.post_alert(closed(), AT_ONCE)
    post.deliver()
    read(post)
    post.journal.post_alert(alert(), AT_ONCE)
    post.deliver()
    assert read(post) == EVERYBODY


def test_repeats_get_quieter_with_age(post: World) -> None:
    post.today = post.today.model_copy(update={"alerts": AlertPolicy(repeat=(DAY, 3 * DAY))})
    post.journal.post_alert(alert(), AT_ONCE)
    told_on = []
    for hour in range(24 * 12):
        if post.deliver():
            told_on.append(hour / 24)
        post.passes(HOUR)
    assert told_on == [0, 1, 4, 7, 10]


@pytest.mark.parametrize("severity, repeat", [(Severity.INFO, (DAY,)), (Severity.WARNING, ())])
def test_what_is_not_repeated(post: World, severity: Severity, repeat: tuple[timedelta, ...]) -> None:
    post.today = post.today.model_copy(update={"alerts": AlertPolicy(repeat=repeat)})
    post.journal.post_alert(alert(severity), AT_ONCE)
    post.deliver()
    read(post)
    for _ in range(20):
        post.passes(DAY)
        post.deliver()
    assert read(post) == []


@pytest.mark.parametrize(
    "failure", [Transient("away"), NotYet("its rate", NOW + HOUR), Refused("no such channel")]
)
def test_one_dead_address_holds_up_nobody_and_is_tried_until_it_lives(
    post: World, failure: Exception
) -> None:
    class Dead(Channel):
        def deliver(self, alert: Alert, address: str, earlier: Receipt | None) -> Receipt:
            if "#ops" in self.away:
                raise failure
            return super().deliver(alert, address, earlier)

    post.slack = Dead()
    post.slack.away.add("#ops")
    post.journal.post_alert(alert(), AT_ONCE)
    post.deliver()
    assert read(post) == [("ops@taly", "warning")]
    waits = []
    for second in range(20 * 60):
        before = post.journal.alerts()[0].attempt
        post.deliver()
        if post.journal.alerts()[0].attempt != before:
            waits.append(second)
        post.passes(timedelta(seconds=1))
    assert [later - earlier for earlier, later in itertools.pairwise(waits)] == [
        8,
        16,
        32,
        64,
        128,
        256,
        300,
        300,
    ]
    assert read(post) == [], "nobody else hears it twice"
    post.slack.away.clear()
    post.passes(5 * MINUTE)
    post.deliver()
    assert read(post) == [("#ops", "warning")]


def test_a_repeat_that_fails_is_counted_once(post: World) -> None:
    post.journal.post_alert(alert(), AT_ONCE)
    post.deliver()
    post.passes(DAY)
    with post.without("#ops", "ops@taly"):
        for _ in range(5):
            post.deliver()
            post.passes(5 * MINUTE)
    assert post.journal.alerts()[0].repeats == 0
    post.deliver()
    assert len(read(post)) == 4
    assert post.journal.alerts()[0].repeats == 0, ""


def test_a_journal_that_goes_away_after_a_delivery_loses_nothing(post: World) -> None:
    """At least once: what could not be recorded is told again, when the claim has run out; nothing more often."""
    post.journal.post_alert(alert(), AT_ONCE)
    record = post.journal.checkpoint_alerts
    answers = iter([JournalAway("no answer"), None])

    def checkpoint(told: object, *, release: bool = True) -> None:
        trouble = next(answers) if release else None
        if trouble:
            raise trouble
        record(told, release=release)  # type: ignore[arg-type]  # passed on

    post.journal.checkpoint_alerts = checkpoint  # type: ignore[method-assign]  # the database is away
    try:
        with pytest.raises(JournalAway):
            post.deliver()
        assert post.deliver() == 0, "it is claimed"
        post.passes(2 * MINUTE)
        assert post.deliver() == 1
        post.passes(HOUR)
        assert post.deliver() == 0
    finally:
        del post.journal.checkpoint_alerts
    assert read(post) == [EVERYBODY[0], *[EVERYBODY[1]] * 2], "only the last message is not written down"


def test_who_was_told_is_written_down_before_messages_are_edited(post: World) -> None:
    """An edit may wait for Slack's pace: whoever is killed meanwhile tells nobody twice."""

    class Edited(Channel):
        def edit(self, alert: Alert, address: str, earlier: Receipt) -> Receipt:
            raise SystemExit  # the process ends here

    post.slack = Edited()
    post.journal.post_alert(alert(), AT_ONCE)
    post.deliver()
    hush = Hush(state=AlertState.ACKNOWLEDGED, by="ana", at=NOW, severity=Severity.WARNING)
    post.journal.hush_alert(alert().identity, hush)
    post.today = policies(policy(), owners={**OWNERS, "platform": LATER_TOO})
    with pytest.raises(SystemExit):
        deliver_due(post, {"slack": post.slack, "pagerduty": post.email}, "us", Bounds())
    post.passes(2 * MINUTE)
    post.slack = Channel()
    deliver_due(post, {"slack": post.slack, "pagerduty": post.email}, "us", Bounds())
    assert [address for address, _ in post.email.read] == ["ops@taly", "key"], "once"


def test_a_slow_channel_stops_before_its_claim_ends_and_spoils_nobody_elses(post: World) -> None:
    class Slow(Channel):
        def deliver(self, alert: Alert, address: str, earlier: Receipt | None) -> Receipt:
            post.passes(timedelta(seconds=55) if alert.title == "slow" else timedelta())
            guard()
            return super().deliver(alert, address, earlier)

    post.slack = Slow()
    post.journal.post_alert(alert(title="slow", identity="a"), AT_ONCE)
    post.journal.post_alert(alert(title="quick", identity="b", environment="staging"), AT_ONCE)
    post.deliver()
    assert [alert.title for _, alert in post.slack.read] == ["quick"]


def test_two_replicas_tell_it_once(post: World) -> None:
    post.slack = Meanwhile(post)
    post.journal.post_alert(alert(owner="dba"), AT_ONCE)
    assert deliver_due(post, {"slack": post.slack}, "one", Bounds()) == 1


# an address that hears nothing is told of at the others


def failing_for_long(world: World) -> None:
    with world.without("#ops"):
        for _ in range(12):
            world.tell()


def test_a_channel_that_is_away_is_told_of_through_the_others_and_when_it_is_back(post: World) -> None:
    post.looked(seen(unknown=("A",)))
    failing_for_long(post)
    told = [(alert.kind, alert.severity, alert.title) for _, alert in post.email.read]
    assert told == [
        (
            AlertKind.UNKNOWN_CREDENTIAL,
            Severity.WARNING,
            "KEY (production): a credential that nobody knows is alive",
        ),
        (AlertKind.DELIVERY_FAILED, Severity.CRITICAL, "alerts do not reach slack:#ops"),
        (AlertKind.DELIVERY_FAILED, Severity.CRITICAL, "alerts do not reach slack:#ops"),
    ], "ops and head"
    ((_, alert),) = post.slack.read
    assert alert.kind is AlertKind.DELIVERY_FAILED, "#dba lives"
    assert alert.facts["What"] == "#ops does not answer"
    assert alert.facts["Impact"].startswith("1 alert has not been heard there for ")
    assert "alerts do not reach slack:#ops: #ops does not answer" in troubles(post.journal, post.today)
    read(post)
    post.passes(6 * MINUTE)
    post.deliver()
    post.tell()
    assert read(post)[0] == ("#ops", "warning"), "what was kept"
    assert AlertKind.DELIVERY_FAILED not in post.open_alerts()
    assert not any(row.failures for row in post.journal.alerts()), "it was heard: no reason stays"
    post.passes(DAY / 2)
    post.tell()
    assert read(post) == []


def test_how_many_attempts_fail_in_silence_is_a_bound(post: World) -> None:
    post.bounds = Bounds(attempts_in_silence=1)
    post.looked(seen(unknown=("A",)))
    with post.without("#ops"):
        post.tell()
        assert AlertKind.DELIVERY_FAILED not in {alert.kind for _, alert in post.slack.read}
        post.tell()
    assert AlertKind.DELIVERY_FAILED in {alert.kind for _, alert in post.slack.read}


def test_a_moment_without_slack_is_no_news(post: World) -> None:
    post.looked(seen(unknown=("A",)))
    with post.without("#ops"):
        post.tell()
    post.passes(5 * MINUTE)
    post.tell()
    assert {alert.kind for _, alert in post.email.read} == {AlertKind.UNKNOWN_CREDENTIAL}


def test_no_alerts_about_alerts_about_alerts(post: World) -> None:
    post.looked(seen(unknown=("A",)))
    with post.without("#ops", "ops@taly", "#dba", "head@taly"):
        for _ in range(40):
            post.tell()
    about = {
        row.alert.facts.get("Where")
        for row in post.journal.alerts()
        if row.alert.kind is AlertKind.DELIVERY_FAILED
    }
    assert about == {"slack:#ops", "email:ops@taly"}


def test_a_channel_is_reminded_of_the_latest_message_at_an_address_by_whatever_process(
    post: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    reminded: list[tuple[str, Receipt]] = []
    monkeypatch.setattr(post.slack, "remind", lambda *said: reminded.append(said), raising=False)
    for name in ("KEY", "OTHER"):
        post.journal.post_alert(alert(identity=f"parked/production/{name}/r1"), AT_ONCE)
        post.deliver()
        post.passes(HOUR)
    receipts = {row.alert.identity: row.receipts["slack:#ops"] for row in post.journal.alerts()}
    reminded.clear()
    post.journal.post_alert(alert(identity="parked/production/THIRD/r1"), AT_ONCE)
    post.deliver()
    assert reminded == [("#ops", receipts["parked/production/OTHER/r1"])]
