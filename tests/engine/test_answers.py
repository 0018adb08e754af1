"""The life of an alert: firing, acknowledged or snoozed, over, and open again; and whoever nobody answers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from rotator.engine.requests import carry_out, carry_out_requests
from rotator.model.alerts import Alert, AlertState, Receipt, Severity
from rotator.model.errors import Transient
from rotator.model.policy import AlertPolicy, OwnerPolicy
from rotator.model.requests import Request, RequestKind, RequestState, Via
from tests.engine.test_outbox import AT_ONCE, alert, closed
from tests.engine.things import DAY, HOUR, MINUTE, NOW, policies, policy, seen
from tests.engine.world import Channel, World

ACK, SNOOZE = RequestKind.ACKNOWLEDGE, RequestKind.SNOOZE
TAKEN, REFUSED = RequestState.TAKEN, RequestState.REFUSED
IDENTITY = alert().identity
ID = alert().id
OWNERS = {
    "platform": OwnerPolicy(name="platform", addresses={"slack": "#ops"}, escalate_to="oncall"),
    "oncall": OwnerPolicy(name="oncall", addresses={"slack": "#oncall"}, escalate_to="head"),
    "head": OwnerPolicy(name="head", addresses={"slack": "#head"}, escalate_to="platform"),
}


class Board(Channel):
    """A channel whose messages can be edited: how each stands now."""

    def __init__(self) -> None:
        super().__init__()
        self.edits: list[tuple[str, Alert]] = []

    def edit(self, alert: Alert, address: str, earlier: Receipt) -> Receipt:
        """Says something else from now on."""
        if address in self.away:
            raise Transient(f"{address} does not answer")
        self.edits.append((address, alert))
        return earlier


@pytest.fixture
def board(world: World) -> World:
    """One owner's channel, and the alerts of one secret; repeats after 1, 3 and 7 days."""
    world.slack = Board()
    world.today = policies(policy(), owners=OWNERS, alerts=AlertPolicy(group_wait=timedelta(seconds=30)))
    return world


def answers(
    world: World, kind: RequestKind, about: str = IDENTITY, by: str = "ana", **more: Any
) -> tuple[RequestState, str]:
    """What became of somebody's answer."""
    now = world.journal.now()
    asked = Request(
        id=f"q{len(world.journal.requests(waiting=False))}", kind=kind, about=about, by=by, at=now, **more
    )
    kept = carry_out(world, asked)
    return kept.state, kept.sentence


def snoozes(world: World, span: timedelta, **more: Any) -> tuple[RequestState, str]:
    return answers(world, SNOOZE, until=world.journal.now() + span, **more)


def state(world: World) -> AlertState:
    (row,) = world.journal.alerts(unclosed=False)
    return row.state(world.journal.now())


def heard(world: World) -> list[tuple[str, str]]:
    """(address, what) since the last time."""
    told = [
        (address, "over" if one.closed else one.severity.name.lower()) for address, one in world.slack.read
    ]
    world.slack.read.clear()
    return told


def shown(world: World) -> list[str]:
    """What edited messages say by now, since the last time."""
    assert isinstance(world.slack, Board)
    edits = [one.hush.state.value if one.hush else "nothing" for _, one in world.slack.edits]
    world.slack.edits.clear()
    return edits


def goes_on_for(world: World, span: timedelta, step: timedelta = HOUR) -> list[tuple[str, str]]:
    """Whatever is heard meanwhile."""
    for _ in range(int(span / step)):
        world.passes(step)
        world.deliver()
    return heard(world)


def fires(world: World, severity: Severity = Severity.WARNING) -> None:
    world.journal.post_alert(alert(severity), AT_ONCE)
    world.deliver()


def test_what_is_acknowledged_is_not_repeated_until_it_gets_worse(board: World) -> None:
    fires(board)
    assert heard(board) == [("#ops", "warning")]
    assert answers(board, ACK, because="looking") == (
        TAKEN,
        f"{ID} is acknowledged; it comes back if it gets worse",
    )
    assert state(board) is AlertState.ACKNOWLEDGED
    assert goes_on_for(board, 30 * DAY, 6 * HOUR) == []
    fires(board, Severity.CRITICAL)
    assert heard(board) == [("#ops", "critical"), ("#oncall", "critical")]
    assert state(board) is AlertState.FIRING
    assert goes_on_for(board, DAY + HOUR)[0] == ("#ops", "critical"), "its repeats go on"


def test_an_answer_is_shown_in_the_message_and_notifies_nobody(board: World) -> None:
    fires(board)
    heard(board)
    answers(board, ACK, because="looking")
    board.deliver()
    assert (heard(board), shown(board)) == ([], ["acknowledged"])
    (row,) = board.journal.alerts()
    assert row.hush is not None
    assert (row.hush.by, row.hush.because, row.hush.via) == ("ana", "looking", Via.CLI)
    board.passes(MINUTE)
    snoozes(board, HOUR)
    board.deliver()
    assert (heard(board), shown(board)) == ([], ["snoozed"])


def test_an_answer_that_could_not_be_shown_is_shown_later(board: World) -> None:
    fires(board)
    board.slack.away = {"#ops"}
    answers(board, ACK)
    board.deliver()
    assert shown(board) == []
    board.slack.away = set()
    goes_on_for(board, 5 * MINUTE, MINUTE)
    assert shown(board) == ["acknowledged"], "once"


def test_a_critical_one_comes_back_after_a_day(board: World) -> None:
    fires(board, Severity.CRITICAL)
    assert heard(board) == [("#ops", "critical"), ("#oncall", "critical")]
    board.passes(HOUR)
    _, sentence = answers(board, ACK)
    assert sentence.endswith("it is critical, and comes back at 2026-06-11 13:00 UTC if it is so by then")
    assert goes_on_for(board, DAY - HOUR) == []
    assert state(board) is AlertState.ACKNOWLEDGED
    assert goes_on_for(board, 2 * HOUR)[:2] == [("#ops", "critical"), ("#oncall", "critical")]
    assert state(board) is AlertState.FIRING


def test_a_snooze_ends_at_its_end(board: World) -> None:
    fires(board)
    heard(board)
    assert snoozes(board, 4 * HOUR, because="lunch") == (
        TAKEN,
        f"{ID} is snoozed until 2026-06-10 16:00 UTC; it comes back sooner if it gets worse",
    )
    assert state(board) is AlertState.SNOOZED
    assert goes_on_for(board, 4 * HOUR - MINUTE, MINUTE) == []
    assert goes_on_for(board, 2 * MINUTE, MINUTE) == [("#ops", "warning")]
    assert state(board) is AlertState.FIRING


def test_a_snooze_ends_when_it_gets_worse(board: World) -> None:
    fires(board)
    snoozes(board, 4 * HOUR)
    heard(board)
    fires(board, Severity.CRITICAL)
    assert ("#ops", "critical") in heard(board)
    assert state(board) is AlertState.FIRING


@pytest.mark.parametrize("span", [8 * DAY, -HOUR, timedelta()])
def test_a_snooze_has_an_end_within_seven_days(board: World, span: timedelta) -> None:
    fires(board)
    outcome, sentence = snoozes(board, span)
    assert outcome is REFUSED
    assert sentence == f"{ID} can be snoozed until 2026-06-17 12:00 UTC: a snooze ends within 7 days"
    assert state(board) is AlertState.FIRING


def test_no_snooze_goes_beyond_the_oldest_that_the_secret_may_be(board: World) -> None:
    old = policy(max_age=150 * DAY)
    board.today = board.today.model_copy(update={"secrets": {old.secret: old}})
    board.looked(seen(age=149 * DAY))
    board.journal.post_alert(alert(secret=old.secret), AT_ONCE)
    oldest = "production/KEY reaches its max_age of 150 d at 2026-06-11 12:00 UTC"
    assert snoozes(board, 2 * DAY) == (REFUSED, f"{ID} can be snoozed until 2026-06-11 12:00 UTC: {oldest}")
    assert snoozes(board, 20 * HOUR)[0] is TAKEN
    board.passes(2 * DAY)
    outcome, sentence = snoozes(board, HOUR)
    assert outcome is REFUSED
    assert sentence.endswith(f"it cannot be snoozed any more; rotator ack {ID}")


def test_whoever_comes_late_hears_how_it_stands(board: World) -> None:
    fires(board)
    answers(board, ACK, because="looking")
    assert answers(board, ACK, by="bea") == (
        REFUSED,
        f"{ID} is already acknowledged by ana at 2026-06-10 12:00 UTC: looking",
    )
    board.journal.post_alert(closed(), AT_ONCE)
    for kind in (ACK, SNOOZE):
        assert answers(board, kind, by="bea", until=NOW + DAY) == (
            REFUSED,
            f"{ID} is over since 2026-06-10 13:00 UTC: it goes on",
        )
    assert answers(board, ACK, "al_0000000000") == (
        REFUSED,
        "there is no alert al_0000000000: rotator alerts",
    )


def test_the_same_click_is_one_answer(board: World) -> None:
    fires(board)
    click = Request(id="click", kind=ACK, about=ID, by="ana", via=Via.SLACK, at=NOW)
    assert carry_out(board, click).state is TAKEN
    board.passes(HOUR)
    again = carry_out(board, click)
    assert (again.state, again.via) == (TAKEN, Via.SLACK), "it is not refused as a second one"
    (row,) = board.journal.alerts()
    assert row.hush is not None
    assert row.hush.at == NOW


def test_the_end_is_told_also_to_whoever_acknowledged(board: World) -> None:
    fires(board)
    answers(board, ACK)
    heard(board)
    board.journal.post_alert(closed(), AT_ONCE)
    board.deliver()
    assert heard(board) == [("#ops", "over")]
    assert state(board) is AlertState.RESOLVED


def test_what_is_so_again_within_a_day_is_the_same_alert_told_in_its_conversation(board: World) -> None:
    fires(board)
    answers(board, ACK)
    board.journal.post_alert(closed(), AT_ONCE)
    board.deliver()
    heard(board)
    board.passes(2 * HOUR)
    board.slack.earlier.clear()
    board.journal.post_alert(alert(opened_at=board.journal.now()), AT_ONCE)
    board.deliver()
    assert heard(board) == [("#ops", "warning")]
    assert board.slack.earlier[0] is not None, "in the conversation that it had"
    (row,) = board.journal.alerts()
    assert row.alert.opened_at == NOW
    assert state(board) is AlertState.FIRING, "an acknowledgement is over with what it was about"


def test_what_is_so_again_later_is_another_conversation(board: World) -> None:
    fires(board)
    board.journal.post_alert(closed(), AT_ONCE)
    board.deliver()
    board.passes(2 * DAY)
    board.slack.earlier.clear()
    board.journal.post_alert(alert(opened_at=board.journal.now()), AT_ONCE)
    board.deliver()
    assert board.slack.earlier == [None]


def test_what_opens_again_and_ends_before_anybody_heard_is_not_told_over_twice(board: World) -> None:
    fires(board)
    board.journal.post_alert(closed(), AT_ONCE)
    board.deliver()
    assert heard(board) == [("#ops", "warning"), ("#ops", "over")]
    board.journal.post_alert(alert(opened_at=board.journal.now()), 30 * timedelta(seconds=1))
    board.journal.post_alert(closed(), AT_ONCE)
    assert goes_on_for(board, HOUR, MINUTE) == []
    assert board.journal.alerts() == [], "and it is settled"


def test_what_is_snoozed_may_end_and_be_so_again_in_silence_until_the_end(board: World) -> None:
    fires(board)
    snoozes(board, 4 * HOUR)
    board.journal.post_alert(closed(), AT_ONCE)
    board.deliver()
    heard(board)
    board.passes(HOUR)
    board.journal.post_alert(alert(opened_at=board.journal.now()), AT_ONCE)
    assert goes_on_for(board, 3 * HOUR - MINUTE, MINUTE) == []
    assert state(board) is AlertState.SNOOZED
    assert goes_on_for(board, 2 * MINUTE, MINUTE) == [("#ops", "warning")]


def test_what_is_critical_and_nobody_answers_goes_further_up_with_each_repeat(board: World) -> None:
    fires(board, Severity.CRITICAL)
    assert {address for address, _ in heard(board)} == {"#ops", "#oncall"}
    told = goes_on_for(board, DAY + HOUR)
    assert {address for address, _ in told} == {"#ops", "#oncall", "#head"}
    answers(board, ACK)
    heard(board)
    board.journal.post_alert(closed(severity=Severity.CRITICAL), AT_ONCE)
    board.deliver()
    assert {address for address, _ in heard(board)} == {"#ops", "#oncall", "#head"}, (
        "all who know hear its end"
    )


def test_an_answer_stops_it_from_going_further_up(board: World) -> None:
    fires(board, Severity.CRITICAL)
    answers(board, ACK)
    heard(board)
    assert goes_on_for(board, DAY - HOUR) == []
    answers(board, SNOOZE, until=board.journal.now() + 2 * DAY)
    assert goes_on_for(board, 2 * DAY - HOUR) == []


def test_whoever_could_not_be_paged_before_somebody_answered_is_not_paged_after(board: World) -> None:
    board.slack.away = {"#oncall"}
    fires(board, Severity.CRITICAL)
    answers(board, ACK)
    board.slack.away = set()
    heard(board)
    assert goes_on_for(board, DAY - HOUR) == []
    assert {address for address, _ in goes_on_for(board, 2 * HOUR)} >= {"#ops", "#oncall"}, (
        "until it comes back"
    )


def test_a_warning_goes_up_once_all_repeats_were_in_vain(board: World) -> None:
    fires(board)
    told = goes_on_for(board, 4 * DAY + HOUR)
    assert {address for address, _ in told} == {"#ops"}
    told = goes_on_for(board, 7 * DAY)
    assert {address for address, _ in told} == {"#ops", "#oncall"}


def test_two_answers_at_once_are_one(board: World) -> None:
    fires(board)
    for number, by in enumerate(("ana", "bea")):
        board.journal.add_request(Request(id=f"q{number}", kind=ACK, about=IDENTITY, by=by, at=NOW))
    carry_out_requests(board)
    first, second = board.journal.requests(waiting=False)
    assert (first.state, second.state) == (TAKEN, REFUSED)
