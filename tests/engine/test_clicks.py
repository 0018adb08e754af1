"""Clicks: who may, what is offered, that it is done once, and what is said when a button is of no use any more."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from rotator.contracts.journal import Told
from rotator.engine.alerts import keep_alerts
from rotator.engine.clicks import TakenClicks
from rotator.engine.requests import carry_out
from rotator.engine.yes import same_person
from rotator.model.alerts import Alert, AlertKind, AlertState
from rotator.model.clicks import Click, Clicker, Reply, Verb
from rotator.model.policy import Mode, PersonPolicy, Role
from rotator.model.requests import RequestKind, RequestState, Via
from rotator.model.rotation import Phase, Reason, State
from rotator.model.windows import Window
from tests.engine.things import DAY, HOUR, MINUTE, PERIOD, policies, policy, request, rotation, seen
from tests.engine.world import World

PEOPLE = {
    "ana": PersonPolicy(name="ana", slack="U0ANA", roles=(Role.OPERATOR, Role.APPROVER)),
    "bea": PersonPolicy(name="bea", slack="U0BEA", roles=(Role.OPERATOR,)),
    "cem": PersonPolicy(name="cem", slack="U0CEM", roles=(Role.APPROVER,)),
    "on-call": PersonPolicy(name="on-call", slack="S0CALL", roles=(Role.OPERATOR,)),
}
ANA, BEA, CEM = (Clicker(id=PEOPLE[name].slack, name=f"{name}.at.slack") for name in ("ana", "bea", "cem"))
STRANGER = Clicker(id="U0WHO", name="who")


@pytest.fixture(autouse=True)
def with_people(world: World) -> None:
    world.today = policies(policy(), people=PEOPLE)


def alert_of(world: World, kind: AlertKind) -> Alert:
    """The alert of that kind that is open now."""
    keep_alerts(world, bounds=world.bounds)
    return world.open_alerts()[kind]


def verbs(world: World, alert: Alert) -> list[Verb]:
    return [offer.verb for offer in TakenClicks(world).offers(alert)]


def click(
    world: World, alert: Alert, verb: Verb, by: Clicker = ANA, about: str = "", **changes: Any
) -> Reply:
    offered = {offer.verb: offer.about for offer in TakenClicks(world).offers(alert)}
    filled = {"id": f"click-of-{by.id}-{verb}".ljust(20, "0"), "alert": alert.id, "verb": verb, "by": by}
    return TakenClicks(world).take(
        Click(**{**filled, "about": about or offered.get(verb, alert.id), **changes})
    )


def overdue(
    world: World, policy_changes: dict[str, Any] | None = None, kind: AlertKind = AlertKind.OVERDUE
) -> Alert:
    world.today = policies(policy(**(policy_changes or {})), people=PEOPLE)
    world.looked(seen(age=PERIOD + DAY))
    return alert_of(world, kind)


def failing(world: World) -> Alert:
    world.looked(seen())
    world.has(
        rotation(
            phase=Phase.CONFIRM,
            reason=Reason.RETRYING,
            attempt=9,
            ledger={"failing_since": world.clock.now()},
        )
    )
    return alert_of(world, AlertKind.ROTATION_FAILED)


# what is offered


def test_what_is_overdue_can_be_rotated_unless_it_is_asked_for_or_under_way(world: World) -> None:
    alert = overdue(world)
    assert verbs(world, alert) == [Verb.ACKNOWLEDGE, Verb.SNOOZE, Verb.ROTATE]
    world.journal.add_request(request(RequestKind.ROTATE))
    assert Verb.ROTATE not in verbs(world, alert)


@pytest.mark.parametrize(
    "changes, kind", [({"mode": Mode.OBSERVE}, AlertKind.OVERDUE), ({"submitted": True}, AlertKind.BY_HAND)]
)
def test_what_only_people_rotate_is_not_offered(
    world: World, changes: dict[str, Any], kind: AlertKind
) -> None:
    assert Verb.ROTATE not in verbs(world, overdue(world, changes, kind))


def test_what_backs_off_can_be_tried_again_and_taken_back(world: World) -> None:
    alert = failing(world)
    assert verbs(world, alert) == [Verb.ACKNOWLEDGE, Verb.SNOOZE, Verb.RETRY, Verb.ROLL_BACK]
    retry, back = TakenClicks(world).offers(alert)[2:]
    assert (retry.about, back.about) == ("rot1", "rot1")
    assert retry.means == "Tries confirm again now."
    assert back.means == "Puts the old credential back; the new one is removed."


def test_what_waits_for_a_yes_can_get_it(world: World) -> None:
    world.looked(seen())
    world.has(rotation(phase=Phase.FORGET, reason=Reason.AWAITING_YES))
    alert = alert_of(world, AlertKind.APPROVAL_WANTED)
    assert Verb.APPROVE in verbs(world, alert)
    world.journal.approve("rot1", Told("approved", "yes"), "somebody")
    assert Verb.APPROVE not in verbs(world, alert)


def test_a_runbook_is_offered_where_the_policy_has_one(world: World) -> None:
    alert = overdue(world, {"runbook": "https://runbooks.example/key"})
    assert TakenClicks(world).offers(alert)[-1].about == "https://runbooks.example/key"


def test_nothing_is_offered_once_it_is_over_nor_while_the_journal_is_away(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    alert = overdue(world)
    assert verbs(world, alert.model_copy(update={"closed_at": world.clock.now()})) == []
    monkeypatch.setattr(world, "journal", None)  # nobody may ask it
    assert verbs(world, alert.model_copy(update={"kind": AlertKind.JOURNAL_AWAY})) == []


def test_the_answers_to_a_message_about_several_are_about_all_that_are_open(world: World) -> None:
    alert = overdue(world)
    other = alert.model_copy(update={"identity": "other"})
    over = alert.model_copy(update={"identity": "over", "closed_at": world.clock.now()})
    offers = TakenClicks(world).offers(
        alert.model_copy(update={"members": (alert, over), "beside": (other,)})
    )
    assert [offer.about for offer in offers] == [f"{alert.id},{other.id}"] * 2


# who may


@pytest.mark.parametrize(
    "verb, who, sentence",
    [
        (
            Verb.ROTATE,
            STRANGER,
            "Only an operator may rotate, and you are none. Ask one of: ana, bea, on-call (a group).",
        ),
        (
            Verb.ROTATE,
            CEM,
            "Only an operator may rotate, and you are none. Ask one of: ana, bea, on-call (a group).",
        ),
        (Verb.APPROVE, BEA, "Only an approver may approve, and you are none. Ask one of: ana, cem."),
    ],
)
def test_whoever_has_not_the_role_is_told_who_has_it(
    world: World, verb: Verb, who: Clicker, sentence: str
) -> None:
    reply = click(world, overdue(world), verb, who)
    assert (reply.sentence, reply.done, reply.stale, reply.aloud) == (sentence, False, False, False)
    assert world.journal.requests(waiting=False) == []


def test_people_of_another_workspace_may_nothing_whatever_their_id(world: World) -> None:
    reply = click(world, overdue(world), Verb.ROTATE, ANA.model_copy(update={"outside": True}))
    assert reply.sentence.startswith("Only an operator may rotate")


def test_where_nobody_has_the_role_that_is_said(world: World) -> None:
    alert = overdue(world)
    world.today = policies(policy())
    reply = click(world, alert, Verb.ROTATE)
    assert (
        reply.sentence
        == "Nobody may rotate by a click: policies.yaml gives nobody the role operator (people)."
    )


def test_members_of_a_group_may_and_go_by_their_id(world: World) -> None:
    member = STRANGER.model_copy(update={"groups": ("S0CALL",)})
    assert TakenClicks(world).groups() == ["S0CALL"]
    assert click(world, overdue(world), Verb.ACKNOWLEDGE, member).done
    by = world.journal.requests(waiting=False)[0].by
    assert by == "U0WHO (@who)"
    assert not same_person(by, "who") and not same_person(by, "bea (U0BEA)")


def test_the_record_holds_the_name_of_the_policy_and_what_slack_vouches_for(world: World) -> None:
    assert click(world, overdue(world), Verb.ACKNOWLEDGE, ANA).done
    [asked] = world.journal.requests(waiting=False)
    assert (asked.by, asked.via, asked.state) == ("ana", Via.SLACK, RequestState.TAKEN)
    assert asked.because == "a click of U0ANA (@ana.at.slack) in Slack"


# what becomes of it


def test_an_alert_is_acknowledged_and_its_button_is_gone(world: World) -> None:
    alert = overdue(world)
    reply = click(world, alert, Verb.ACKNOWLEDGE, BEA)
    assert (reply.done, reply.aloud) == (True, False)
    [row] = world.journal.alerts()
    assert row.state(world.clock.now()) is AlertState.ACKNOWLEDGED
    now = TakenClicks(world).alert(alert.id)
    assert now is not None and now.hush is not None and now.hush.by == "bea"
    assert Verb.ACKNOWLEDGE not in verbs(world, now)


def test_a_snooze_ends_when_it_says(world: World) -> None:
    alert = overdue(world)
    assert click(world, alert, Verb.SNOOZE, snooze=4 * HOUR).done
    [row] = world.journal.alerts()
    assert row.hush is not None and row.hush.until == world.clock.now() + 4 * HOUR


def test_a_rotation_that_backs_off_tries_now(world: World) -> None:
    alert = failing(world)
    reply = click(world, alert, Verb.RETRY, BEA)
    assert (reply.sentence, reply.done, reply.aloud) == ("rot1 tries again now", True, True)


def test_a_rotation_is_asked_for_and_what_it_waits_for_is_said(world: World) -> None:
    reply = click(world, overdue(world, {"windows": (Window(name="never", days=()),)}), Verb.ROTATE, BEA)
    assert reply.done and reply.aloud
    assert reply.sentence.startswith("asked for, and not begun yet")


def approval_wanted(world: World) -> Alert:
    """ana has asked for a rotation that needs somebody else's yes."""
    world.today = policies(policy(mode=Mode.APPROVE), people=PEOPLE)
    world.looked(seen())
    carry_out(world, request(RequestKind.ROTATE, by="Ana"))
    return alert_of(world, AlertKind.APPROVAL_WANTED)


def test_whoever_asked_at_a_terminal_cannot_say_yes_in_slack_and_somebody_else_can(world: World) -> None:
    wanted = approval_wanted(world)
    mine = click(world, wanted, Verb.APPROVE, ANA)
    assert (mine.done, mine.stale) == (False, True)
    assert mine.sentence == "ana asked for the rotation of production/KEY: somebody else has to say yes"
    assert click(world, wanted, Verb.APPROVE, CEM).done


# once


def test_a_click_that_is_told_twice_is_one_request_with_one_answer(world: World) -> None:
    alert = failing(world)
    replies = [click(world, alert, Verb.RETRY, about="rot1") for _ in range(2)]
    assert [reply.again for reply in replies] == [False, True]
    assert len(world.journal.requests(waiting=False)) == 1


def test_an_acknowledgement_that_is_told_twice_is_the_same_one(world: World) -> None:
    alert = overdue(world)
    replies = [click(world, alert, Verb.ACKNOWLEDGE) for _ in range(2)]
    assert [reply.again for reply in replies] == [False, True]
    assert len(world.journal.requests(waiting=False)) == 1


# what is so no more


def test_a_second_acknowledgement_hears_whose_the_first_was(world: World) -> None:
    alert = overdue(world)
    click(world, alert, Verb.ACKNOWLEDGE, BEA)
    reply = click(world, alert, Verb.ACKNOWLEDGE, ANA)
    assert (reply.done, reply.stale) == (False, True)
    assert reply.sentence.startswith("it is acknowledged by bea at 2026-06-10 12:00 UTC")


def test_a_button_of_an_alert_that_is_over_says_how_it_ended(world: World) -> None:
    alert = overdue(world)
    world.looked(seen(age=MINUTE, version=2))
    keep_alerts(world, bounds=world.bounds)
    for verb in (Verb.ROTATE, Verb.ACKNOWLEDGE):
        reply = click(world, alert, verb)
        assert (reply.done, reply.stale) == (False, True)
        assert reply.sentence.startswith("it is over: ")


def test_a_button_of_a_rotation_that_moved_on_says_where_it_is(world: World) -> None:
    alert = failing(world)
    world.becomes(
        "rot1", phase=Phase.GRACE, reason=Reason.GRACE, run_at=world.clock.now() + DAY, sentence="grace"
    )
    reply = click(world, alert, Verb.RETRY, about="rot1")
    assert (reply.sentence, reply.stale) == ("rot1 is active at grace: grace", True)
    world.becomes("rot1", state=State.DONE, ended_at=world.clock.now(), sentence="done")
    reply = click(world, alert, Verb.ROLL_BACK, about="rot1")
    assert "it has ended: done" in reply.sentence


def test_an_alert_that_nobody_knows_is_no_alert(world: World) -> None:
    alert = overdue(world).model_copy(update={"identity": "of another journal"})
    for verb in (Verb.ROTATE, Verb.ACKNOWLEDGE):
        reply = click(world, alert, verb)
        assert (reply.sentence, reply.stale) == ("rotator does not know this alert any more", True)


def test_what_is_not_offered_for_the_alert_is_not_done(world: World) -> None:
    """Whatever a payload says a button is about."""
    alert = overdue(world)
    world.has(rotation(secret="production/OTHER", id="rot9", reason=Reason.RETRYING))
    assert not click(world, alert, Verb.RETRY, about="rot9").done
    assert not click(world, alert, Verb.ROTATE, about="production/OTHER").done
    assert world.journal.requests(waiting=False) == []


def test_nobody_is_heard_for_long_is_told_once(world: World) -> None:
    from rotator.engine.alerts.about_installation import Deaf

    deaf = Deaf("it refuses the app-level token", world.clock.now())
    for _ in range(3):
        keep_alerts(world, bounds=world.bounds, deaf=deaf)
        world.deliver()
        world.passes(world.bounds.patience)
    [told] = world.news()
    assert told == "warning: nobody is heard who clicks on a button in Slack"
    keep_alerts(world, bounds=world.bounds)
    world.deliver()
    assert world.news()[0].startswith("over: nobody is heard")
    assert timedelta() < world.bounds.patience
