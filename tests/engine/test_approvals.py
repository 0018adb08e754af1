"""mode: approve: who is asked, whose yes and whose no count, and what stays away."""

from __future__ import annotations

from typing import Any

import pytest

from rotator.engine.scan import open_due
from rotator.engine.yes import same_person
from rotator.model.alerts import AlertKind, Severity
from rotator.model.policy import Mode, SecretPolicy
from rotator.model.requests import RequestKind, RequestState
from rotator.model.rotation import Phase, Reason, Rotation, State
from tests.engine.test_requests import ask
from tests.engine.things import DAY, NOW, policies, policy, rotation, seen
from tests.engine.world import World

ROTATE, APPROVE, REJECT = RequestKind.ROTATE, RequestKind.APPROVE, RequestKind.REJECT
WAITS, TAKEN, REFUSED = RequestState.WAITING, RequestState.TAKEN, RequestState.REFUSED
SECRET = "production/KEY"
OWN = f"ana asked for the rotation of {SECRET}: somebody else has to say yes"


def approved(**changes: Any) -> SecretPolicy:
    return policy(mode=Mode.APPROVE, **changes)


@pytest.fixture
def desk(world: World) -> World:
    """A secret that is not due and needs a yes."""
    world.today = policies(approved())
    world.looked(seen(age=DAY))
    return world


def by(
    world: World, who: str, kind: RequestKind, about: str = SECRET, **more: Any
) -> tuple[RequestState, str]:
    """What became of what somebody asked."""
    number = len(world.journal.requests(waiting=False))
    return ask(world, kind, about, id=f"q{number:02d}", by=who, at=world.journal.now(), **more)


def opened(world: World) -> list[str]:
    """The rotations that the scan begins."""
    open_due(world)
    return [world.journal.events(one.id)[0].sentence for one in world.journal.rotations()]


def begun_by_two(world: World) -> Rotation:
    """A rotation that ana asked for and bea said yes to."""
    world.today = policies(approved())
    world.looked(seen(age=DAY))
    by(world, "ana", ROTATE)
    by(world, "bea", APPROVE)
    open_due(world)
    (begun,) = world.journal.rotations()
    return begun


def test_whoever_asked_for_a_rotation_cannot_approve_it(desk: World) -> None:
    assert by(desk, "ana", ROTATE, because="he left") == (WAITS, "")
    assert opened(desk) == []
    for name in ("ana", "Ana", "ana (U024BE7LH)"):
        assert by(desk, name, APPROVE)[0] is REFUSED
    assert opened(desk) == []
    assert by(desk, "bea", APPROVE, because="he did") == (WAITS, "")
    assert opened(desk) == ["asked for by ana: he left; yes by bea: he did"]
    assert {one.state for one in desk.journal.requests(waiting=False) if one.rotation} == {TAKEN}


def test_a_yes_that_nobody_has_looked_at_yet_is_not_taken_on_trust(desk: World) -> None:
    """The scan may come between a yes and the look at it."""
    by(desk, "ana", ROTATE)
    yes = desk.journal.requests()[0].model_copy(update={"id": "yes", "kind": APPROVE})
    desk.journal.add_request(yes)
    assert opened(desk) == []


def test_whoever_declared_an_emergency_may_say_its_last_yes_if_they_may_say_yes_at_all(desk: World) -> None:
    """Written down in decision 13: at three in the morning there is one person, and both words are on record."""
    by(desk, "ana", RequestKind.EMERGENCY, because="on a paste site")
    open_due(desk)
    (begun,) = desk.journal.rotations()
    desk.becomes(begun.id, phase=Phase.FORGET, reason=Reason.AWAITING_YES)
    desk.today = policies(approved(approvers=("bea",)))
    assert by(desk, "ana", APPROVE, begun.id) == (REFUSED, f"ana may not say yes to {SECRET}: bea may")
    desk.today = policies(approved())
    assert by(desk, "ana", APPROVE, begun.id) == (TAKEN, f"{begun.id} goes on")
    told = [event.sentence for event in desk.journal.events(begun.id)]
    assert told[0] == "emergency, declared by ana: on a paste site"
    assert told[-1].startswith("yes by ana")


def test_whoever_asked_for_a_rotation_gets_no_second_voice_by_an_emergency(desk: World) -> None:
    begun = begun_by_two(desk)
    by(desk, "ana", RequestKind.EMERGENCY, because="on a paste site")
    desk.becomes(begun.id, phase=Phase.FORGET, reason=Reason.AWAITING_YES)
    assert by(desk, "ana", APPROVE, begun.id) == (REFUSED, OWN)


def test_an_emergency_waits_for_nobody(desk: World) -> None:
    by(desk, "ana", RequestKind.EMERGENCY, because="on a paste site")
    assert opened(desk) == ["emergency, declared by ana: on a paste site"]


@pytest.mark.parametrize("who, counts", [("bea", True), ("BEA", True), ("ana", False), ("eve", False)])
def test_where_the_policy_names_approvers_only_they_may_say_yes(
    world: World, who: str, *, counts: bool
) -> None:
    world.today = policies(approved(approvers=("bea", "carl")))
    world.looked(seen(age=101 * DAY))
    outcome, sentence = by(world, who, APPROVE)
    if counts:
        assert (outcome, len(opened(world))) == (WAITS, 1)
    else:
        assert (outcome, sentence) == (REFUSED, f"{who} may not say yes to {SECRET}: bea or carl may")
        assert opened(world) == []


def test_the_last_step_takes_two_where_the_policy_says_so(world: World) -> None:
    begun = begun_by_two(world)
    world.becomes(begun.id, phase=Phase.FORGET, reason=Reason.AWAITING_YES)
    assert by(world, "ana", APPROVE, begun.id) == (REFUSED, OWN)
    assert by(world, "bea", APPROVE, begun.id) == (TAKEN, f"{begun.id} goes on")
    assert by(world, "carl", APPROVE, begun.id) == (REFUSED, f"{begun.id} has a yes already, by bea")


def test_whoever_submitted_what_a_person_makes_has_asked_for_its_last_step_too(world: World) -> None:
    world.today = policies(approved(submitted=True))
    world.has(rotation(phase=Phase.FORGET, reason=Reason.AWAITING_YES, ledger={"submitted_by": "ana"}))
    assert by(world, "ana", APPROVE, "rot1") == (REFUSED, OWN)
    assert by(world, "bea", APPROVE, "rot1") == (TAKEN, "rot1 goes on")


def test_whoever_has_looked_at_a_parked_rotation_has_approved_nothing(world: World) -> None:
    begun = begun_by_two(world)
    world.becomes(begun.id, phase=Phase.CONFIRM, state=State.PARKED, reason=Reason.RECONFIRM_FAILED)
    assert by(world, "ana", APPROVE, begun.id) == (TAKEN, f"{begun.id} goes on at confirm")
    world.becomes(begun.id, phase=Phase.FORGET, reason=Reason.AWAITING_YES)
    assert by(world, "ana", APPROVE, begun.id) == (REFUSED, OWN)


def test_where_it_does_not_whoever_asked_may_be_the_one_who_has_looked(world: World) -> None:
    world.has(rotation(phase=Phase.FORGET, reason=Reason.AWAITING_YES, run_at=NOW + DAY))
    assert by(world, "ana", APPROVE, "rot1")[0] is TAKEN


def test_a_yes_is_asked_for_when_somebody_asks_for_a_rotation(desk: World) -> None:
    by(desk, "ana", ROTATE, because="he left")
    desk.tell()
    wanted = desk.open_alerts()[AlertKind.APPROVAL_WANTED]
    assert wanted.title == "KEY (production): ana asks for a rotation, and it waits for another's yes"
    assert wanted.facts["Asked"] == "by ana: he left"
    assert wanted.action == f"rotator approve {SECRET} --reason …"
    assert wanted.facts["No"].startswith(f"rotator reject {SECRET} --reason …")
    by(desk, "bea", APPROVE)
    open_due(desk)
    desk.tell()
    assert AlertKind.APPROVAL_WANTED not in desk.open_alerts()


def test_what_was_asked_for_and_rejected_is_over(desk: World) -> None:
    by(desk, "ana", ROTATE)
    desk.tell()
    assert by(desk, "bea", REJECT, because="not before the fair")[0] is TAKEN
    (asked, _) = desk.journal.requests(waiting=False)
    assert (asked.state, asked.sentence) == (REFUSED, "no by bea: not before the fair")
    desk.tell()
    assert desk.open_alerts() == {}
    assert by(desk, "ana", ROTATE) == (WAITS, ""), "asking again asks again"
    desk.tell()
    assert AlertKind.APPROVAL_WANTED in desk.open_alerts()


def test_whoever_asked_may_take_it_back(world: World) -> None:
    world.today = policies(approved(approvers=("bea",)))
    world.looked(seen(age=DAY))
    by(world, "ana", ROTATE)
    assert by(world, "eve", REJECT)[0] is REFUSED
    assert by(world, "ana", REJECT)[0] is TAKEN
    assert opened(world) == []


def test_what_is_due_and_rejected_is_asked_about_no_more_and_told_once_it_is_overdue(world: World) -> None:
    world.today = policies(approved(rotate_every=100 * DAY))
    world.looked(seen(age=99 * DAY))
    world.tell()
    assert set(world.open_alerts()) == {AlertKind.APPROVAL_WANTED}
    assert by(world, "bea", REJECT, because="not before the fair") == (
        TAKEN,
        f"{SECRET} stays as it is; it is watched, and told once it is overdue",
    )
    world.tell()
    assert world.open_alerts() == {}
    world.passes(2 * DAY)
    world.tell()
    told = world.open_alerts()
    assert set(told) == {AlertKind.OVERDUE}
    assert "bea said no at" in told[AlertKind.OVERDUE].facts["Next"]
    assert told[AlertKind.OVERDUE].action == f"rotator approve {SECRET} --reason …"
    world.passes(8 * DAY)
    world.tell()
    assert world.open_alerts()[AlertKind.OVERDUE].severity is Severity.CRITICAL


def test_a_no_can_be_overruled_and_is_about_this_credential_only(world: World) -> None:
    world.today = policies(approved())
    world.looked(seen(age=101 * DAY))
    by(world, "bea", REJECT)
    assert world.journal.rejections()[SECRET].by == "bea"
    assert by(world, "carl", APPROVE) == (WAITS, "")
    assert world.journal.rejections() == {}
    assert len(opened(world)) == 1


def test_a_no_is_forgotten_with_the_credential_that_it_was_about(world: World) -> None:
    world.today = policies(approved(rotate_every=2 * DAY))
    world.looked(seen(age=3 * DAY))
    by(world, "bea", REJECT)
    world.tell()
    world.passes(DAY)
    world.looked(seen(age=0 * DAY).model_copy(update={"modified_at": world.journal.now()}))
    world.passes(3 * DAY)
    world.tell()
    assert AlertKind.APPROVAL_WANTED in world.open_alerts()


def test_a_yes_that_has_not_begun_yet_can_be_taken_back(desk: World) -> None:
    by(desk, "ana", ROTATE)
    by(desk, "bea", APPROVE)
    assert by(desk, "carl", REJECT)[0] is TAKEN
    assert opened(desk) == []


@pytest.mark.parametrize(
    "today, why",
    [
        (
            policy(),
            f"{SECRET} waits for no yes: its policy does not say mode: approve; rotator pause {SECRET}",
        ),
        (
            approved(),
            (
                f"{SECRET} does not wait for a yes: fresh: 1 d old by the store (any put resets that), "
                "its period ends in 99 d"
            ),
        ),
    ],
)
def test_a_no_that_nobody_waits_for(world: World, today: SecretPolicy, why: str) -> None:
    world.today = policies(today)
    world.looked(seen(age=DAY))
    assert by(world, "bea", REJECT) == (REFUSED, why)


@pytest.mark.parametrize(
    "state, why",
    [
        (
            State.ACTIVE,
            "rot1 has begun: without a yes both credentials stay alive; to go back: rotator rollback rot1 --reason …",
        ),
        (State.DONE, "rot1 is done: doing it"),
    ],
)
def test_a_rotation_that_has_begun_is_not_rejected_but_taken_back(
    world: World, state: State, why: str
) -> None:
    world.has(rotation(state=state))
    assert by(world, "bea", REJECT, "rot1") == (REFUSED, why)


@pytest.mark.parametrize(
    "one, other, same",
    [
        ("ana", "Ana", True),
        ("ana", "ana (U024BE7LH)", True),
        ("bea (U024BE7LH)", "ana (U024BE7LH)", True),
        ("ana", "bea", False),
        ("ana (U1)", "bea (U2)", False),
    ],
)
def test_one_person_has_one_name_or_one_id(one: str, other: str, *, same: bool) -> None:
    """Slack vouches for ids; names there are what people call themselves."""
    assert same_person(one, other) is same
