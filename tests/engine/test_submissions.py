"""What only a person can make: when they are asked for it, what other asking is answered, what they are told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rotator.engine.due import decide
from rotator.engine.requests import carry_out_requests
from rotator.engine.scan import open_due
from rotator.engine.standing import HELD, Standing
from rotator.engine.words import Word, word_of
from rotator.model.alerts import AlertKind, Severity
from rotator.model.observations import History
from rotator.model.policy import Mode, SecretPolicy
from rotator.model.requests import Request, RequestKind, RequestState
from rotator.model.rotation import Phase, Priority, Reason, State
from tests.engine.things import (
    DAY,
    HOUR,
    NOW,
    ago,
    environment,
    gathered,
    policies,
    policy,
    request,
    rotation,
    seen,
    undone,
)
from tests.engine.world import World

OLD = 101 * DAY
SECRET = "production/KEY"
WANTED = "make a new one, then: rotator submit production/KEY"
REFUSED, TAKEN, WAITS = RequestState.REFUSED, RequestState.TAKEN, RequestState.WAITING


def by_hand(secret: str = SECRET, **changes: Any) -> SecretPolicy:
    runbook = {"runbook": "https://runbooks.example/key", "submitted": True}
    return policy(secret, **{**runbook, "warn_before": (14 * DAY, 3 * DAY), **changes})


def submission(**changes: Any) -> Request:
    return request(RequestKind.SUBMIT, **{"id": "s1", "sealed": "sealed", "data_key": "wrapped", **changes})


@pytest.fixture
def hand(world: World) -> World:
    """One secret that only people make, looked at a while ago."""
    world.today = policies(by_hand())
    world.looked(seen(age=OLD))
    return world


# when


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"policy": by_hand(mode=Mode.APPROVE)},
        {"history": History(last_undone=undone(ago(HOUR)))},
        {"requests": (request(),)},
        {"requests": (request(RequestKind.APPROVE),)},
    ],
)
def test_what_is_due_waits_for_a_person(changes: dict[str, Any]) -> None:
    decision = decide(gathered(OLD, **{"policy": by_hand(), **changes}))
    assert (decision.standing, decision.sentence) == (
        Standing.AWAITING_VALUE,
        f"due, waiting for a person: {WANTED}",
    )
    assert decision.standing in HELD
    assert not decision.due


def test_nobody_is_asked_before_it_is_due() -> None:
    assert decide(gathered(10 * DAY, policy=by_hand())).standing is Standing.FRESH


def test_what_was_submitted_begins_at_once_whatever_the_age_the_mode_or_an_undo() -> None:
    at = gathered(DAY, policy=by_hand(mode=Mode.APPROVE), requests=(submission(because="he left"),))
    for history in (History(), History(last_undone=undone(ago(HOUR)))):
        decision = decide(replace(at, history=history))
        assert (decision.standing, decision.sentence) == (
            Standing.REQUESTED,
            "a new one was submitted by ana: he left",
        )


def test_what_is_only_watched_asks_for_nothing() -> None:
    at = gathered(OLD, policy=by_hand(mode=Mode.OBSERVE), requests=(submission(),))
    assert decide(at).standing is Standing.OBSERVED


def test_an_emergency_asks_also_for_what_is_young() -> None:
    declared = request(RequestKind.EMERGENCY)
    decision = decide(gathered(DAY, policy=by_hand(), requests=(declared,)))
    assert decision.standing is Standing.AWAITING_VALUE
    assert decision.sentence == f"emergency, declared by ana, waiting for a person: {WANTED}"
    brought = gathered(DAY, policy=by_hand(), requests=(declared, submission()))
    assert decide(brought).sentence == "emergency, declared by ana"
    assert decide(brought).due


def test_what_goes_first_is_asked_for_first(world: World) -> None:
    first, last = environment("staging"), environment(after="staging", soak=DAY)
    world.today = policies(by_hand("staging/KEY"), by_hand(), environments=(first, last))
    world.looked(seen("staging/KEY"), seen(age=OLD))
    assert world.stands("staging/KEY").standing is Standing.AWAITING_VALUE
    assert world.stands().standing is Standing.SOAK


# asking


def test_asking_makes_nothing_that_only_a_person_makes(hand: World) -> None:
    hand.today = policies(by_hand(mode=Mode.APPROVE))
    for kind in (RequestKind.ROTATE, RequestKind.APPROVE):
        hand.journal.add_request(request(kind))
    carry_out_requests(hand)
    for settled in hand.journal.requests(waiting=False):
        assert (settled.state, settled.sentence) == (REFUSED, f"a person makes production/KEY: {WANTED}")


def test_a_value_for_a_source_that_makes_its_own_is_refused_and_forgotten(world: World) -> None:
    world.looked(seen())
    world.journal.add_request(submission())
    assert open_due(world) == 0
    carry_out_requests(world)
    (settled,) = world.journal.requests(waiting=False)
    assert (settled.state, settled.sealed, settled.data_key) == (REFUSED, None, None)
    assert settled.sentence == (
        "nobody has to submit production/KEY: fake makes its own; rotator rotate production/KEY"
    )


def test_a_rotation_takes_over_what_was_submitted_under_the_requests_own_id(hand: World) -> None:
    hand.journal.add_request(submission())
    hand.journal.add_request(request(RequestKind.EMERGENCY))
    carry_out_requests(hand)
    assert open_due(hand) == 1
    (row,) = hand.journal.rotations()
    assert (row.id, row.sealed_successor, row.data_key) == ("s1", "sealed", "wrapped")
    assert (row.ledger.submitted_by, row.ledger.successor_id) == ("ana", None)
    assert row.priority is Priority.EMERGENCY
    for settled in hand.journal.requests(waiting=False):
        assert (settled.state, settled.rotation, settled.sealed) == (TAKEN, "s1", None)


def test_what_replaces_another_is_taken_also_when_nobody_looked_in_between(hand: World) -> None:
    hand.journal.add_request(submission(at=ago(HOUR)))
    hand.journal.add_request(submission(id="s2", by="bo", sealed="other"))
    assert open_due(hand) == 1
    (row,) = hand.journal.rotations()
    assert (row.id, row.sealed_successor) == ("s2", "other")
    settled = {one.id: one for one in hand.journal.requests(waiting=False)}
    assert settled["s1"].state is REFUSED
    assert settled["s1"].sealed is None


def test_a_yes_does_not_end_what_the_source_still_accepts(hand: World) -> None:
    hand.has(rotation(phase=Phase.PROVE, reason=Reason.AWAITING_END, sentence="a person has to end it"))
    hand.journal.add_request(request(RequestKind.APPROVE, "rot1"))
    carry_out_requests(hand)
    (settled,) = hand.journal.requests(waiting=False)
    assert (settled.state, settled.sentence) == (
        REFUSED,
        "rot1 needs no yes, but an end: a person has to end it",
    )


# what people see


@pytest.mark.parametrize(
    "age, active, word",
    [
        (DAY, None, Word.HEALTHY),
        (90 * DAY, None, Word.MANUAL_DUE),
        (OLD, None, Word.OVERDUE),
        (OLD, Reason.AWAITING_END, Word.MANUAL_DUE),
        (OLD, Reason.AWAITING_YES, Word.APPROVAL),
    ],
)
def test_one_word_says_that_it_is_up_to_a_person(
    hand: World, age: Any, active: Reason | None, word: Word
) -> None:
    from rotator.engine.decisions import decisions

    hand.looked(seen(age=age))
    if active:
        hand.has(
            rotation(phase=Phase.PROVE, reason=active, ledger={"submitted_by": "ana", "confirmed_at": NOW})
        )
    assert word_of(decisions(hand.journal, hand.today)[SECRET]) is word


def test_people_hear_beforehand_and_then_are_asked_with_the_runbook(hand: World) -> None:
    hand.looked(seen(age=90 * DAY))
    hand.tell()
    soon = hand.open_alerts()[AlertKind.DUE_SOON]
    assert soon.action == "rotator submit production/KEY"
    assert soon.facts["Next"] == "rotator asks for a new one when it is due; it takes one at any time"
    hand.looked(seen(age=OLD))
    hand.tell()
    asked = hand.open_alerts()[AlertKind.BY_HAND]
    assert (asked.severity, asked.title) == (
        Severity.WARNING,
        "KEY (production): due, and waits for a new one",
    )
    assert asked.action == "rotator submit production/KEY"
    assert asked.facts["Runbook"] == "https://runbooks.example/key"
    assert "Leave the old one alive" in asked.facts["Next"]


def test_who_has_not_heard_is_asked_again_and_louder_when_it_is_far_too_old(hand: World) -> None:
    hand.tell()
    hand.news()
    hand.passes(2 * DAY)
    hand.looked(seen(age=OLD))
    hand.tell()
    assert hand.news() == ["warning: KEY (production): due, and waits for a new one"]
    hand.passes(8 * DAY)
    hand.looked(seen(age=OLD + 10 * DAY))
    hand.tell()
    assert "critical: KEY (production): overdue" in hand.news()


def test_the_asking_ends_when_somebody_has_submitted_one(hand: World) -> None:
    hand.tell()
    hand.news()
    hand.journal.add_request(submission())
    open_due(hand)
    hand.tell()
    (over,) = hand.news()
    assert over.startswith("over: KEY (production): due, and waits for a new one: being rotated")


def test_who_submitted_what_was_undone_hears_that_nothing_goes_on_by_itself(hand: World) -> None:
    hand.has(
        rotation(ledger={"submitted_by": "ana", "undo_reason": Reason.NOT_ACCEPTED, "undo_from": "verify"})
    )
    hand.becomes("rot1", state=State.UNDONE, ended_at=hand.clock.now(), sentence="undone; submit it again")
    hand.tell()
    told = hand.open_alerts()[AlertKind.UNDONE]
    assert told.facts["Next"] == "nothing by itself: a person submits one again"
    assert told.action == "rotator submit production/KEY"
