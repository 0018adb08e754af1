"""A request that a plan left is taken up only while everything is as the plan says; else it ends with a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from rotator.contracts.journal import Opening
from rotator.engine.requests import carry_out_requests
from rotator.engine.scan import open_due
from rotator.engine.standing import Standing
from rotator.model.observations import Pause
from rotator.model.policy import Mode, Policies
from rotator.model.requests import Basis, Request, RequestKind, RequestState
from rotator.model.rotation import State
from tests.engine.things import (
    HOUR,
    MINUTE,
    NOW,
    PERIOD,
    done,
    policies,
    policy,
    request,
    rotation,
    seen,
)
from tests.engine.world import World

SECRET, NAME = "production/KEY", "/taly/production/KEY"
BASIS = Basis(planned_at=NOW, policy_version="1" * 64, versions={NAME: 3})
WAITS, TAKEN, REFUSED = RequestState.WAITING, RequestState.TAKEN, RequestState.REFUSED
ANOTHER_VERSION = (
    f"the plan of 2026-06-10 12:00 UTC does not hold any more: {NAME} had version 3 then, and has version 4 now; "
    "make a new one: rotator plan -o FILE"
)
ANOTHER_POLICY = (
    "the plan of 2026-06-10 12:00 UTC does not hold any more: the policy had version 111111111111 then, and has "
    "version 222222222222 now; make a new one: rotator plan -o FILE"
)


@pytest.fixture
def applied(world: World) -> World:
    """A plan was made and applied; nobody has taken its request up yet."""
    world.today = today()
    world.looked(seen(version=3))
    world.journal.add_request(planned())
    return world


def today(version: str = BASIS.policy_version, **changes: Any) -> Policies:
    return policies(policy(**changes), version=version)


def planned(**changes: Any) -> Request:
    return request(**{"basis": BASIS, **changes})


def turn(world: World) -> int:
    """What the daemon does every second."""
    carry_out_requests(world)
    return open_due(world)


def became(world: World, request_id: str = "q-rotate") -> tuple[RequestState, str]:
    kept = {one.id: one for one in world.journal.requests(waiting=False)}[request_id]
    return kept.state, kept.sentence


def test_it_begins_while_everything_is_as_planned(applied: World) -> None:
    assert turn(applied) == 1
    assert became(applied) == (TAKEN, "became rot-1")


def test_another_version_in_the_store_ends_it(applied: World) -> None:
    applied.looked(seen(version=4))
    assert turn(applied) == 0
    assert became(applied) == (REFUSED, ANOTHER_VERSION)
    assert applied.stands().standing is Standing.FRESH
    assert turn(applied) == 0
    assert became(applied) == (REFUSED, ANOTHER_VERSION)


@pytest.mark.parametrize(
    "there, told",
    [
        (
            {NAME: 3, "/taly/production/SID": 1},
            "/taly/production/SID had no version then, and has version 1 now",
        ),
        ({}, f"{NAME} had version 3 then, and has no version now"),
    ],
)
def test_a_parameter_that_came_or_went_ends_it(applied: World, there: dict[str, int], told: str) -> None:
    applied.looked(seen(versions=there))
    turn(applied)
    state, sentence = became(applied)
    assert state is REFUSED
    assert told in sentence


def test_another_policy_ends_it(applied: World) -> None:
    applied.today = today("2" * 64)
    assert turn(applied) == 0
    assert became(applied) == (REFUSED, ANOTHER_POLICY)


def test_a_scan_alone_begins_nothing_that_is_not_as_planned(applied: World) -> None:
    """It does not settle requests, and may come before whoever does."""
    applied.looked(seen(version=4))
    assert open_due(applied) == 0
    assert became(applied) == (WAITS, "")


def test_a_rotation_since_then_ends_it_before_any_scan_has_seen_what_it_wrote(applied: World) -> None:
    applied.passes(MINUTE)
    applied.has(done(NOW + MINUTE, version=4))
    assert turn(applied) == 0
    assert became(applied) == (REFUSED, ANOTHER_VERSION)


def test_behind_a_rotation_it_waits_as_long_as_that_wrote_nothing(applied: World) -> None:
    applied.has(rotation())
    turn(applied)
    assert became(applied) == (WAITS, "")
    applied.becomes("rot1", state=State.UNDONE, ended_at=NOW)
    assert turn(applied) == 1, "the credential is the one that was planned for"


@pytest.mark.parametrize("held", ["a pause", "a yes"])
def test_what_is_held_back_for_days_is_compared_when_it_begins(applied: World, held: str) -> None:
    if held == "a pause":
        pause = Pause(secret=SECRET, until=NOW + HOUR, by="ana", because="a release")
        applied.journal.note_pause(SECRET, pause)
    else:
        applied.today = today(mode=Mode.APPROVE)
    assert turn(applied) == 0
    assert became(applied) == (WAITS, "")
    applied.looked(seen(version=4))
    applied.passes(2 * HOUR)
    applied.journal.add_request(request(RequestKind.APPROVE, by="bea"))
    assert turn(applied) == 0
    assert became(applied) == (REFUSED, ANOTHER_VERSION)


def test_the_others_of_the_plan_begin(world: World) -> None:
    world.today = policies(policy(SECRET), policy("production/B"), version=BASIS.policy_version)
    world.looked(seen(version=4), seen("production/B", version=1))
    basis = BASIS.model_copy(update={"versions": {"/taly/production/B": 1}})
    for one in (planned(), planned(id="b", about="production/B", basis=basis)):
        world.journal.add_request(one)
    assert turn(world) == 1
    assert became(world) == (REFUSED, ANOTHER_VERSION)
    assert became(world, "b") == (TAKEN, "became rot-1")


@pytest.mark.parametrize("kind", [RequestKind.ROTATE, RequestKind.EMERGENCY])
def test_who_asks_without_a_plan_is_not_held_to_one(applied: World, kind: RequestKind) -> None:
    applied.journal.add_request(request(kind, id="plain", by="bea"))
    applied.looked(seen(version=4))
    assert turn(applied) == 1
    assert became(applied, "plain") == (TAKEN, "became rot-1")
    assert became(applied) == (REFUSED, ANOTHER_VERSION)


def test_what_is_due_by_itself_is_rotated_all_the_same(applied: World) -> None:
    applied.looked(seen(version=4, age=2 * PERIOD))
    assert turn(applied) == 1
    assert became(applied) == (REFUSED, ANOTHER_VERSION)
    assert applied.journal.rotations()[0].sentence.startswith("never rotated")


# two workers, and what has begun


class Frozen:
    """The journal of a replica that froze right after it had looked at the requests."""

    def __init__(self, world: World) -> None:
        self._journal, self._requests = world.journal, world.journal.requests(waiting=True)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    def requests(self, *, waiting: bool = True) -> Sequence[Request]:
        """As they were."""
        return self._requests if waiting else self._journal.requests(waiting=False)


def test_a_rotation_that_has_begun_is_never_refused_for_the_version_that_it_wrote(applied: World) -> None:
    late = Frozen(applied)
    assert turn(applied) == 1
    taken = became(applied)
    applied.becomes("rot-1", ledger=applied.journal.rotations()[0].ledger.having(wrote={NAME: 4}))
    applied.looked(seen(version=4))
    for journal in (applied.journal, late):
        applied.journal = cast("Any", journal)
        assert turn(applied) == 0
        assert became(applied) == taken == (TAKEN, "became rot-1")


def test_whoever_decided_before_another_refused_it_opens_nothing(applied: World) -> None:
    journal = applied.journal

    class Slow(Frozen):
        """Another replica takes its turn, and knows more, right before it would open."""

        def open_rotations(self, openings: Sequence[Opening]) -> set[str]:
            applied.journal = journal
            applied.looked(seen(version=4))
            assert turn(applied) == 0
            return journal.open_rotations(openings)

    applied.journal = cast("Any", Slow(applied))
    assert open_due(applied) == 0
    assert became(applied) == (REFUSED, ANOTHER_VERSION)
    assert journal.rotations() == []
    assert journal.observed()[SECRET].trouble == "", "nothing holds it up: nobody wants it any more"


def test_two_replicas_refuse_it_once_and_in_the_same_words(applied: World) -> None:
    late = Frozen(applied)
    applied.looked(seen(version=4))
    turn(applied)
    applied.journal = cast("Any", late)
    turn(applied)
    assert became(applied) == (REFUSED, ANOTHER_VERSION)


def test_one_looks_at_nothing_more_for_requests_without_a_plan(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.looked(seen())
    world.journal.add_request(request())

    def asked() -> Any:
        raise AssertionError("a whole table is read every second")

    monkeypatch.setattr(world.journal, "histories", asked)
    monkeypatch.setattr(world.journal, "observed", asked)
    carry_out_requests(world)
    assert became(world) == (WAITS, "")
