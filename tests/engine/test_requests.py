"""Requests: carried out, kept while something is busy, or refused with a sentence."""

from __future__ import annotations

from datetime import time
from typing import Any, ClassVar

import pytest

from rotator.contracts.provider import Overlap, Traits
from rotator.engine.ownership import hold_environments
from rotator.engine.phases.undo import no_way_back
from rotator.engine.requests import carry_out_requests
from rotator.engine.scan import open_due
from rotator.engine.worker import Worker
from rotator.model.errors import Transient
from rotator.model.policy import Mode
from rotator.model.requests import RequestKind, RequestState
from rotator.model.rotation import Phase, Priority, Reason, State
from rotator.model.secrets import Credential, Sealed
from rotator.model.windows import Window
from tests.engine.things import DAY, HOUR, NOW, PERIOD, ago, policies, policy, request, rotation, seen
from tests.engine.world import KINDS, Source, World


class Single(Source):
    """A source that keeps one credential."""

    traits: ClassVar[Traits] = Traits(overlap=Overlap.NONE, **KINDS)  # type: ignore[arg-type]  # of mixed kinds


class Shared(Source):
    """Both ends are ours."""

    traits: ClassVar[Traits] = Traits(overlap=Overlap.MANY, **KINDS, shared=True)  # type: ignore[arg-type]  # of mixed kinds

    def member(self, credential: Credential) -> Sealed:
        return credential.fields["value"]


WAITS, TAKEN, REFUSED = RequestState.WAITING, RequestState.TAKEN, RequestState.REFUSED


def ask(
    world: World, kind: RequestKind, about: str = "production/KEY", **more: Any
) -> tuple[RequestState, str]:
    """What became of a request."""
    world.journal.add_request(request(kind, about, **more))
    carry_out_requests(world)
    return outcome(world)


def outcome(world: World) -> tuple[RequestState, str]:
    asked = world.journal.requests(waiting=False)[-1]
    return asked.state, asked.sentence


@pytest.mark.parametrize(
    "kind",
    [
        RequestKind.ROTATE,
        RequestKind.EMERGENCY,
        RequestKind.APPROVE,
        RequestKind.PAUSE,
        RequestKind.RESUME,
    ],
)
def test_unknown_names_are_refused(world: World, kind: RequestKind) -> None:
    sentence = "production/KYE is neither a secret of policies.yaml nor a rotation"
    assert ask(world, kind, "production/KYE", until=NOW + DAY) == (REFUSED, sentence)


@pytest.mark.parametrize("kind", [RequestKind.ROTATE, RequestKind.EMERGENCY])
def test_a_rotation_is_asked_for_and_waits_for_the_scan(world: World, kind: RequestKind) -> None:
    world.looked(seen())
    assert ask(world, kind) == (WAITS, "")
    open_due(world)
    assert outcome(world) == (TAKEN, "became rot-1")


@pytest.mark.parametrize("kind", [RequestKind.ROTATE, RequestKind.EMERGENCY])
def test_what_is_only_watched_cannot_be_rotated(world: World, kind: RequestKind) -> None:
    world.today = policies(policy(mode=Mode.OBSERVE))
    sentence = (
        "production/KEY is watched only: an adapter of it cannot be loaded, or its policy says mode: observe"
    )
    assert ask(world, kind) == (REFUSED, sentence)


@pytest.mark.parametrize("state", [State.ACTIVE, State.PARKED])
def test_a_request_for_a_busy_secret_is_kept_until_it_is_free(world: World, state: State) -> None:
    world.looked(seen())
    world.has(rotation(state=state))
    assert ask(world, RequestKind.ROTATE) == (WAITS, "")
    assert open_due(world) == 0
    assert outcome(world) == (WAITS, "")


def test_busy_then_free(world: World) -> None:
    world.looked(seen())
    world.has(rotation())
    ask(world, RequestKind.ROTATE)
    world.becomes("rot1", state=State.UNDONE, ended_at=NOW)
    open_due(world)
    assert outcome(world) == (TAKEN, "became rot-1")


# emergencies


@pytest.mark.parametrize("phase", [Phase.CREATE, Phase.STORE, Phase.GRACE, Phase.QUARANTINE])
def test_an_emergency_hurries_what_is_under_way_once_and_then_rotates_again(
    world: World, phase: Phase
) -> None:
    """The compromised one may be the predecessor, whose grace ends now, or the successor, which is next."""
    world.looked(seen())
    world.has(rotation(phase=phase, reason=Reason.GRACE, run_at=NOW + DAY))
    assert ask(world, RequestKind.EMERGENCY, because="on a laptop") == (WAITS, "")
    for _ in range(5):
        carry_out_requests(world)
    row = world.journal.rotation("rot1")
    assert row is not None
    assert (row.priority, row.run_at) == (Priority.EMERGENCY, NOW)
    told = [event.sentence for event in world.journal.events("rot1") if event.kind == "emergency"]
    assert told == ["emergency declared by ana: on a laptop; windows and grace do not hold it any more"]
    world.becomes("rot1", state=State.DONE, ended_at=NOW)
    open_due(world)
    again = world.journal.rotation("rot-1")
    assert again is not None
    assert again.priority is Priority.EMERGENCY
    assert outcome(world) == (TAKEN, "became rot-1")


@pytest.mark.parametrize("changes", [{"state": State.PARKED}, {"phase": Phase.RESTORE}])
def test_what_is_parked_or_going_back_is_not_hurried(world: World, changes: dict[str, Any]) -> None:
    world.looked(seen())
    world.has(rotation(**changes))
    assert ask(world, RequestKind.EMERGENCY) == (WAITS, "")
    row = world.journal.rotation("rot1")
    assert row is not None
    assert row.priority is Priority.NORMAL


# a yes


def test_a_yes_for_the_last_step(world: World) -> None:
    world.has(rotation(phase=Phase.FORGET, reason=Reason.AWAITING_YES, run_at=NOW + DAY))
    assert ask(world, RequestKind.APPROVE, "rot1", because="customers told") == (TAKEN, "rot1 goes on")
    row = world.journal.rotation("rot1")
    assert row is not None
    assert (row.approved_by, row.run_at) == ("ana", NOW)
    assert world.journal.events("rot1")[-1].sentence == "yes by ana: customers told"


@pytest.mark.parametrize(
    "changes, sentence",
    [
        (
            {"phase": Phase.GRACE, "reason": Reason.GRACE},
            "rot1 does not wait for a yes: it is active at grace",
        ),
        ({"state": State.DONE}, "rot1 does not wait for a yes: it is done at plan"),
    ],
)
def test_a_yes_that_nobody_waits_for(world: World, changes: dict[str, Any], sentence: str) -> None:
    world.has(rotation(**changes))
    assert ask(world, RequestKind.APPROVE, "rot1") == (REFUSED, sentence)


def test_a_yes_to_begin_waits_for_the_scan(world: World) -> None:
    world.today = policies(policy(mode=Mode.APPROVE))
    world.looked(seen(age=PERIOD))
    assert open_due(world) == 0
    assert ask(world, RequestKind.APPROVE) == (WAITS, "")
    carry_out_requests(world)
    assert open_due(world) == 1
    assert outcome(world) == (TAKEN, "became rot-1")


def test_a_yes_to_begin_is_kept_for_the_window(world: World) -> None:
    night = Window(name="night", opens=time(2), closes=time(4))
    world.today = policies(policy(mode=Mode.APPROVE, windows=(night,)))
    world.looked(seen(age=PERIOD))
    assert ask(world, RequestKind.APPROVE) == (WAITS, "")
    carry_out_requests(world)
    assert outcome(world) == (WAITS, "")
    world.passes(14 * HOUR)
    assert open_due(world) == 1


def test_without_a_reason_the_story_says_just_who(world: World) -> None:
    world.has(rotation(phase=Phase.FORGET, reason=Reason.AWAITING_YES))
    ask(world, RequestKind.APPROVE, "rot1")
    assert world.journal.events("rot1")[-1].sentence == "yes by ana"
    ask(world, RequestKind.EMERGENCY)
    said = "emergency declared by ana; windows and grace do not hold it any more"
    assert world.journal.events("rot1")[-1].sentence == said


def test_an_emergency_for_a_secret_that_left_the_policy_hurries_nothing(world: World) -> None:
    world.has(rotation("production/GONE"))
    assert ask(world, RequestKind.EMERGENCY, "production/GONE")[0] is REFUSED
    row = world.journal.rotation("rot1")
    assert row is not None
    assert row.priority is Priority.NORMAL


@pytest.mark.parametrize(
    "mode, sentence",
    [
        (Mode.AUTO, "production/KEY needs no yes: its policy does not say mode: approve"),
        (
            Mode.APPROVE,
            (
                "production/KEY does not wait for a yes: fresh: 1 d old by the store (any put resets that), "
                "its period ends in 99 d"
            ),
        ),
    ],
)
def test_a_yes_is_not_kept_for_later(world: World, mode: Mode, sentence: str) -> None:
    world.today = policies(policy(mode=mode))
    world.looked(seen())
    assert ask(world, RequestKind.APPROVE) == (REFUSED, sentence)


# pause, resume, roll back, take over


def test_pause_and_resume(world: World) -> None:
    world.looked(seen(age=PERIOD))
    paused = ask(world, RequestKind.PAUSE, until=NOW + DAY, because="release")
    assert paused == (TAKEN, "production/KEY is paused until 2026-06-11 12:00 UTC")
    assert open_due(world) == 0
    assert world.stands().sentence == "paused by ana until 2026-06-11 12:00 UTC: release"
    assert ask(world, RequestKind.RESUME) == (TAKEN, "production/KEY goes on")
    assert open_due(world) == 1


def test_a_rotation_that_stands_paused_goes_on_at_once(world: World) -> None:
    """Its next look is minutes away, and until then it would say that it is paused."""
    world.has(rotation(phase=Phase.STORE, reason=Reason.PAUSED, run_at=NOW + DAY))
    assert ask(world, RequestKind.RESUME) == (TAKEN, "production/KEY goes on")
    row = world.journal.rotation("rot1")
    assert row is not None
    assert row.run_at == NOW


def test_resuming_hurries_nothing_that_waits_for_another_reason(world: World) -> None:
    world.has(rotation(phase=Phase.GRACE, reason=Reason.GRACE, run_at=NOW + DAY))
    assert ask(world, RequestKind.RESUME) == (TAKEN, "production/KEY goes on")
    row = world.journal.rotation("rot1")
    assert row is not None
    assert row.run_at == NOW + DAY


@pytest.mark.parametrize("until", [None, NOW, ago(DAY), NOW + 91 * DAY])
def test_a_pause_without_a_near_end_would_be_forgotten(world: World, until: Any) -> None:
    assert ask(world, RequestKind.PAUSE, until=until) == (REFUSED, "a pause needs an end within 90 days")
    assert world.journal.pauses() == {}


# retry


def test_a_rotation_that_backs_off_tries_now(world: World) -> None:
    world.has(rotation(phase=Phase.STORE, reason=Reason.RETRYING, run_at=NOW + DAY))
    assert ask(world, RequestKind.RETRY, "rot1") == (TAKEN, "rot1 tries again now")
    row = world.journal.rotation("rot1")
    assert row is not None
    assert row.run_at == NOW


@pytest.mark.parametrize(
    "changes",
    [{"state": State.PARKED}, {"phase": Phase.GRACE, "reason": Reason.GRACE}, {"state": State.DONE}],
)
def test_what_does_not_back_off_knows_itself_when_it_goes_on(world: World, changes: dict[str, Any]) -> None:
    row = world.has(rotation(**{"run_at": NOW + DAY, **changes}))
    state, sentence = ask(world, RequestKind.RETRY, "rot1")
    assert (state, sentence) == (
        REFUSED,
        f"rot1 does not wait for its next try: it is {row.state} at {row.phase}",
    )
    assert world.journal.rotation("rot1") == row


# rollback


@pytest.mark.parametrize(
    "phase", [Phase.PLAN, Phase.CREATE, Phase.ANNOUNCE, Phase.STORE, Phase.CONFIRM, Phase.GRACE]
)
@pytest.mark.parametrize("state", [State.ACTIVE, State.PARKED])
def test_a_rollback_is_answered_when_the_rotation_has_turned_round(
    world: World, phase: Phase, state: State
) -> None:
    world.has(rotation(phase=phase, state=state, run_at=NOW + DAY))
    assert ask(world, RequestKind.ROLL_BACK, "rot1", because="logins fail") == (WAITS, "")
    row = world.journal.rotation("rot1")
    assert row is not None
    assert (row.state, row.run_at, row.rolled_back_by) == (State.ACTIVE, NOW, "ana")
    assert world.journal.events("rot1")[-1].sentence == "rollback asked for by ana: logins fail"
    carry_out_requests(world)
    assert outcome(world) == (WAITS, "")
    Worker(world, "worker").work()
    turned = world.journal.rotation("rot1")
    assert turned is not None
    assert turned.ledger.undo_reason is Reason.ROLLED_BACK
    carry_out_requests(world)
    assert outcome(world) == (TAKEN, "rot1 goes back")


@pytest.mark.parametrize(
    "changes, why",
    [
        ({"phase": Phase.DISABLE}, "too late, the old one is being invalidated"),
        ({"phase": Phase.QUARANTINE}, "too late, the old one is being invalidated"),
        ({"phase": Phase.RESTORE}, "it is on its way back already"),
        ({"state": State.DONE, "ended_at": NOW}, "it has ended: done"),
        ({"phase": Phase.GRACE, "priority": Priority.EMERGENCY}, "the old one was declared compromised"),
        (
            {"phase": Phase.GRACE, "ledger": {"predecessor_works": False}},
            "the source refused the old one before",
        ),
    ],
)
def test_a_rollback_without_a_way_back_is_refused(world: World, changes: dict[str, Any], why: str) -> None:
    row = world.has(rotation(**changes))
    state, sentence = ask(world, RequestKind.ROLL_BACK, "rot1")
    assert state is REFUSED
    assert sentence.startswith(f"rot1 cannot go back: {why}")
    assert world.journal.rotation("rot1") == row


@pytest.mark.parametrize(
    "phase, refused", [(Phase.READY, False), (Phase.ACTIVATE, True), (Phase.CONFIRM, True)]
)
def test_a_source_that_keeps_one_credential_has_no_way_back(
    world: World, phase: Phase, refused: bool
) -> None:
    world.sources["production/KEY"] = Single("fake:production/KEY")
    world.has(rotation(phase=phase))
    state, sentence = ask(world, RequestKind.ROLL_BACK, "rot1")
    assert (state is REFUSED) == refused
    assert ("its source keeps one credential" in sentence) == refused


def test_a_rollback_that_was_overtaken_is_refused_and_the_rotation_goes_on(world: World) -> None:
    world.has(rotation(phase=Phase.GRACE))
    assert ask(world, RequestKind.ROLL_BACK, "rot1") == (WAITS, "")
    world.becomes("rot1", phase=Phase.DISABLE)
    carry_out_requests(world)
    assert outcome(world)[1].startswith("rot1 cannot go back: too late")
    assert no_way_back(world.journal.rotations()[0], gapped=False)


# prepare


def test_an_accepted_set_is_made_with_the_value_in_use_and_never_overwritten(world: World) -> None:
    world.today = policies(policy(how={"accepted_as": "/taly/production/KEY_ACCEPTED"}))
    world.sources["production/KEY"] = Shared("fake:production/KEY")
    world.put("/taly/production/KEY", "in use")
    state, sentence = ask(world, RequestKind.PREPARE)
    assert (state, sentence.split(";")[0]) == (TAKEN, "/taly/production/KEY_ACCEPTED holds the value in use")
    made = world.store("production").read("/taly/production/KEY_ACCEPTED")
    assert made.value == Sealed('["in use"]')
    world.put("/taly/production/KEY", "another")
    world.journal.add_request(request(RequestKind.PREPARE, id="q2", at=NOW + HOUR))
    carry_out_requests(world)
    there = "/taly/production/KEY_ACCEPTED is there already, and is never overwritten"
    assert outcome(world) == (REFUSED, there)
    assert world.store("production").read("/taly/production/KEY_ACCEPTED") == made


def test_the_first_accepted_set_of_public_keys_is_a_jwks(world: World) -> None:
    world.today = policies(policy(how={"accepted_as": "/taly/production/KEY_ACCEPTED"}))
    world.sources["production/KEY"] = Shared("fake:production/KEY")
    world.put("/taly/production/KEY", '{"kty":"OKP","crv":"Ed25519","x":"AAAA"}')
    assert ask(world, RequestKind.PREPARE)[0] == TAKEN
    made = world.store("production").read("/taly/production/KEY_ACCEPTED")
    assert made.value == Sealed('{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AAAA"}]}')


def test_no_accepted_set_where_the_policy_or_the_source_has_none(world: World) -> None:
    assert "does not say accepted_as" in ask(world, RequestKind.PREPARE)[1]
    world.today = policies(policy(how={"accepted_as": "/taly/production/KEY_ACCEPTED"}))
    world.put("/taly/production/KEY")
    world.journal.add_request(request(RequestKind.PREPARE, id="q2", at=NOW + HOUR))
    carry_out_requests(world)
    assert outcome(world)[1].startswith("fake has no accepted set")


def test_an_accepted_set_waits_for_a_store_that_is_away(world: World) -> None:
    world.today = policies(policy(how={"accepted_as": "/taly/production/KEY_ACCEPTED"}))
    world.refusals["production/KEY"] = Transient("SSM does not answer")
    assert ask(world, RequestKind.PREPARE) == (WAITS, "")


def test_taking_over(world: World) -> None:
    hold_environments(world)
    assert ask(world, RequestKind.TAKE_OVER, "production") == (TAKEN, "production is ours now")
    elsewhere = request(RequestKind.TAKE_OVER, "test", id="q2", at=NOW + HOUR)
    world.journal.add_request(elsewhere)
    carry_out_requests(world)
    assert outcome(world) == (REFUSED, "there is no environment test in policies.yaml")


def test_taking_over_waits_for_a_store_that_is_away(world: World) -> None:
    world.store("production")

    def away(_path: str) -> None:
        raise Transient("SSM does not answer")

    world.stores["production"].owner = away  # type: ignore[method-assign,assignment]  # nobody answers
    assert ask(world, RequestKind.TAKE_OVER, "production") == (WAITS, "")
    del world.stores["production"].owner
    carry_out_requests(world)
    assert outcome(world) == (TAKEN, "production is ours now")


def test_a_parked_rotation_goes_on_when_a_person_has_looked(world: World) -> None:
    parked = world.has(rotation(state=State.PARKED, reason=Reason.STILL_ALIVE, phase=Phase.PROVE, attempt=3))
    assert ask(world, RequestKind.APPROVE, parked.id, because="the replica was stale") == (
        TAKEN,
        f"{parked.id} goes on at prove",
    )
    reopened = world.journal.rotation(parked.id)
    assert reopened is not None
    assert (reopened.state, reopened.reason, reopened.attempt) == (State.ACTIVE, None, 0)
    assert world.journal.events(parked.id)[-1].sentence == "ana has looked: the replica was stale"
    assert [row.id for row in world.journal.claim_rotations("w", 1, Phase, HOUR)] == [parked.id]
