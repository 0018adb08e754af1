"""The scan: what it sees, when it trusts it, and which rotations it opens."""

from __future__ import annotations

import pytest

from rotator.engine.decisions import decisions
from rotator.engine.scan import open_due, survey
from rotator.engine.standing import Standing
from rotator.model.errors import NotYet, Refused, Transient
from rotator.model.observations import Pause
from rotator.model.policy import Mode, Policies
from rotator.model.requests import RequestKind, RequestState
from rotator.model.rotation import Phase, Priority, Reason, State
from tests.engine.things import (
    DAY,
    HOUR,
    NOW,
    PERIOD,
    ago,
    done,
    environment,
    policies,
    policy,
    request,
    rotation,
    seen,
    undone,
)
from tests.engine.world import Source, World

NAME = "/taly/production/KEY"
TWO = policies(
    policy("staging/KEY"),
    policy("production/KEY"),
    environments=(environment("staging"), environment("production", after="staging", soak=DAY)),
)
OLD = 2 * PERIOD


def test_it_sees_versions_dates_and_authors_and_decrypts_nothing(world: World) -> None:
    world.put(NAME)
    world.passes(DAY)
    survey(world)
    there = world.journal.observed()["production/KEY"]
    assert (there.present, there.versions, there.modified_at, there.modified_by) == (
        True,
        {NAME: 1},
        NOW,
        "terraform",
    )
    assert there.observed_at == NOW + DAY
    assert world.parameters.reads == 0


def test_it_remembers_when_the_last_versions_were_made(world: World) -> None:
    made = {}
    for version in range(1, 8):
        made[version] = world.clock.now()
        assert world.put(NAME) == version
        survey(world)
        survey(world)
        world.passes(HOUR)
    assert world.journal.observed()["production/KEY"].written == {NAME: {v: made[v] for v in range(3, 8)}}
    del world.parameters.parameters[NAME]
    world.put(NAME)
    survey(world)
    assert world.journal.observed()["production/KEY"].written == {NAME: {1: world.clock.now()}}
    del world.parameters.parameters[NAME]
    survey(world)
    assert world.journal.observed()["production/KEY"].written == {}


def test_the_oldest_field_counts_and_a_missing_one_is_missing(world: World) -> None:
    both = {"sid": "/taly/production/SID", "secret": NAME}
    world.today = policies(policy(how={"fields": both}))
    world.put("/taly/production/SID")
    survey(world)
    assert world.stands().standing is Standing.MISSING
    world.passes(DAY)
    world.put(NAME)
    survey(world)
    assert world.journal.observed()["production/KEY"].modified_at == NOW


def test_what_is_in_no_policy_is_listed_once_its_owner_did_not_ignore_it(world: World) -> None:
    world.today = policies(
        policy(how={"accepted_as": "/taly/production/KEY_ACCEPTED"}), ignore=("/taly/*/FEATURE_*",)
    )
    for name in ("KEY", "KEY_ACCEPTED", "OTHER", "FEATURE_X", "rotator/owner"):
        world.put(f"/taly/production/{name}")
    survey(world)
    assert world.journal.surveyed()["production"].unmanaged == ("/taly/production/OTHER",)


def test_nothing_is_minted_before_two_scans_agree(world: World) -> None:
    world.put(NAME)
    world.passes(OLD)
    survey(world)
    assert open_due(world) == 0
    world.put(NAME)  # somebody is at work
    world.passes(OLD)
    survey(world)
    assert open_due(world) == 0
    survey(world)
    assert open_due(world) == 1
    assert open_due(world) == 0, "one at a time"


def test_once_two_agreed_a_change_is_no_reason_to_stop(world: World) -> None:
    world.put(NAME)
    survey(world)
    survey(world)
    world.put(NAME)
    survey(world)
    assert world.journal.surveyed()["production"].agreed


@pytest.mark.parametrize(
    "trouble", [Transient("SSM is away"), Refused("no permission"), NotYet("SSM is away", NOW + HOUR)]
)
def test_a_store_that_is_away_keeps_what_was_seen_and_holds_up_nobody_else(
    world: World, trouble: Exception
) -> None:
    world.today = TWO
    for name in ("/taly/staging/KEY", NAME):
        world.put(name)
    survey(world)
    world.passes(HOUR)
    world.away("staging", trouble)
    survey(world)
    there = world.journal.surveyed()
    assert (there["staging"].trouble, there["staging"].scanned_at) == (str(trouble), NOW)
    assert (there["production"].trouble, there["production"].scanned_at) == ("", NOW + HOUR)
    assert world.journal.observed()["staging/KEY"].present
    world.away("staging", None)
    survey(world)
    assert world.journal.surveyed()["staging"].trouble == ""


def test_being_sent_back_to_look_while_a_scan_runs_is_not_forgotten(world: World) -> None:
    world.put(NAME)
    survey(world)
    survey(world)
    store = world.store("production")

    def ages(prefix: str) -> object:
        known = world.journal.surveyed()["production"]
        world.journal.note_surveyed(known.model_copy(update={"agreed": False, "digest": ""}))
        return iter(())

    store.ages = ages  # type: ignore[method-assign,assignment]  # another thread's work, in the middle of ours
    survey(world)
    assert not world.journal.surveyed()["production"].agreed


def test_a_rotation_remembers_how_old_its_predecessor_was(world: World) -> None:
    world.looked(seen(age=OLD))
    open_due(world)
    (opened,) = world.journal.rotations()
    assert opened.ledger.predecessor_born_at == NOW - OLD
    assert opened.ledger.origin == {NAME: 1}
    assert opened.sentence == "never rotated; 200 d old by the store (any put resets that), 100 d overdue"


def test_after_an_undo_it_is_as_old_as_before_and_tried_again(world: World) -> None:
    world.looked(seen(age=OLD))
    open_due(world)
    (opened,) = world.journal.rotations()
    ledger = opened.ledger.having(before={NAME: 1}, restored={NAME: 3}, undo_reason=Reason.NOT_SEEN)
    world.becomes(opened.id, state=State.UNDONE, ended_at=NOW, ledger=ledger)
    world.looked(seen(age=HOUR, version=3))
    assert world.stands().standing is Standing.COOLING_DOWN
    world.passes(6 * HOUR)
    assert world.stands().standing is Standing.NEVER_ROTATED
    open_due(world)
    again = world.journal.rotations()[0]
    assert again.ledger.singly, "it failed in company"
    assert (again.ledger.predecessor_born_at, again.ledger.origin) == (NOW - OLD, {NAME: 1}), (
        "still the first"
    )


def test_an_undo_that_no_rollout_caused_is_tried_again_in_company(world: World) -> None:
    world.looked(seen(age=OLD))
    world.has(undone(ago(DAY), ledger={"undo_reason": Reason.NOT_ACCEPTED, "undo_from": Phase.VERIFY}))
    open_due(world)
    assert not world.journal.rotations(unfinished=True)[0].ledger.singly


def test_a_failure_in_company_counts_until_a_rotation_succeeds(world: World) -> None:
    world.looked(seen(age=OLD))
    world.has(undone(ago(9 * DAY)))
    world.has(done(ago(8 * DAY), principal="fake:earlier"))
    open_due(world)
    assert not world.journal.rotations(unfinished=True)[0].ledger.singly


def test_a_scan_keeps_what_the_census_found(world: World) -> None:
    world.put(NAME)
    world.looked(seen(unknown=("K2",), created_at=ago(DAY), census_at=NOW, observed_at=ago(HOUR)))
    survey(world)
    there = world.journal.observed()["production/KEY"]
    assert (there.unknown, there.created_at, there.observed_at) == (("K2",), ago(DAY), NOW)


# requests


def test_a_plain_request_is_no_emergency(world: World) -> None:
    world.looked(seen())
    world.journal.add_request(request())
    open_due(world)
    assert world.journal.rotations()[0].priority is Priority.NORMAL


def test_one_rotation_answers_every_request_that_waits_for_it(world: World) -> None:
    world.looked(seen())
    for kind in (RequestKind.ROTATE, RequestKind.EMERGENCY, RequestKind.PAUSE):
        world.journal.add_request(request(kind))
    assert open_due(world) == 1
    (opened,) = world.journal.rotations()
    assert opened.priority is Priority.EMERGENCY
    settled = {one.kind: (one.state, one.rotation) for one in world.journal.requests(waiting=False)}
    assert settled == {
        RequestKind.ROTATE: (RequestState.TAKEN, opened.id),
        RequestKind.EMERGENCY: (RequestState.TAKEN, opened.id),
        RequestKind.PAUSE: (RequestState.WAITING, None),  # not a rotation's to answer
    }


def test_a_request_for_a_busy_principal_waits(world: World) -> None:
    world.today = policies(policy("production/KEY"), policy("production/TWIN"))
    world.sources["production/TWIN"] = Source("fake:production/KEY")
    world.has(rotation(state=State.PARKED, sentence="every slot is taken"))
    world.has(rotation("production/LATER", id="rot2", opened_at=NOW))
    world.looked(seen(), seen("production/TWIN"))
    world.journal.add_request(request(about="production/TWIN"))
    assert open_due(world) == 0
    assert world.journal.requests()[0].state is RequestState.WAITING
    assert world.journal.observed()["production/TWIN"].trouble == (
        "waits for rotation rot1 of production/KEY, which is parked and holds fake:production/KEY"
    )


def test_a_source_that_cannot_be_made_says_why_and_is_tried_again(world: World) -> None:
    world.looked(seen(age=OLD))
    world.refusals["production/KEY"] = Refused("users: must be two logins")
    assert open_due(world) == 0
    assert world.journal.observed()["production/KEY"].trouble == "users: must be two logins"
    world.refusals.clear()
    assert open_due(world) == 1
    assert world.journal.observed()["production/KEY"].trouble == ""


# production only after staging


def staging_first(world: World) -> None:
    world.today = TWO
    world.looked(seen("staging/KEY", age=DAY), seen("production/KEY", age=OLD))


def test_production_waits_and_staging_is_wanted(world: World) -> None:
    staging_first(world)
    assert world.stands("staging/KEY").sentence == "production/KEY is due and waits for it"
    assert world.stands("production/KEY").sentence == (
        "due, waiting for staging/KEY to prove it (there: production/KEY is due and waits for it)"
    )
    assert open_due(world) == 1
    assert [one.secret for one in world.journal.rotations()] == ["staging/KEY"]
    assert open_due(world) == 0


def test_once_proved_and_soaked_production_rotates_and_staging_is_left_alone(world: World) -> None:
    staging_first(world)
    world.has(done(NOW, id="s", secret="staging/KEY"))
    world.looked(seen("staging/KEY", age=DAY, version=2), seen("production/KEY", age=OLD))
    assert world.stands("staging/KEY").standing is Standing.FRESH
    assert world.stands("production/KEY").standing is Standing.SOAK
    world.passes(DAY)
    assert world.stands("production/KEY").due
    assert world.stands("staging/KEY").standing is Standing.FRESH
    world.has(done(world.clock.now(), id="p", secret="production/KEY"))
    world.looked(seen("staging/KEY", age=DAY, version=2), seen("production/KEY", version=2))
    assert open_due(world) == 0, "nobody is wanted for ever"


def test_an_undone_staging_is_wanted_again_after_its_cooldown(world: World) -> None:
    """Else production would wait until staging's own date: for most of a period."""
    staging_first(world)
    world.has(done(ago(9 * DAY), id="s1", secret="staging/KEY"))
    world.has(undone(NOW, id="s2", secret="staging/KEY"))
    world.looked(seen("staging/KEY", age=DAY, version=2), seen("production/KEY", age=OLD))
    assert world.stands("production/KEY").sentence == (
        "due, waiting: the last rotation of staging/KEY was undone "
        "(there: undone (rollout_failed); next attempt 2026-06-10 18:00 UTC)"
    )
    world.passes(6 * HOUR)
    assert world.stands("staging/KEY").standing is Standing.WANTED


def test_three_environments_prove_it_one_after_the_other_in_any_order_of_the_file(world: World) -> None:
    names = {"dev": None, "staging": "dev", "production": "staging"}
    for order in (names, list(reversed(names))):
        world.today = policies(
            *(policy(f"{name}/KEY") for name in order),
            environments=tuple(environment(name, after=names[name]) for name in order),
        )
        world.looked(seen("dev/KEY"), seen("staging/KEY"), seen("production/KEY", age=OLD))
        standings = {name: world.stands(f"{name}/KEY").standing for name in names}
        assert standings == {
            "dev": Standing.WANTED,
            "staging": Standing.SOAK,
            "production": Standing.SOAK,
        }


@pytest.mark.parametrize(
    "today, there",
    [
        (
            policies(
                policy("staging/KEY", mode=Mode.OBSERVE),
                policy("production/KEY"),
                environments=tuple(TWO.environments.values()),
            ),
            "watched only; 1 d old by the store (any put resets that), its period ends in 99 d",
        ),
        (
            policies(
                policy("staging/KEY", mode=Mode.APPROVE),
                policy("production/KEY"),
                environments=tuple(TWO.environments.values()),
            ),
            "due, waiting for: rotator approve staging/KEY --reason …",
        ),
    ],
)
def test_what_holds_staging_up_is_said_where_production_waits(
    world: World, today: Policies, there: str
) -> None:
    staging_first(world)
    world.today = today
    assert (
        world.stands("production/KEY").sentence
        == f"due, waiting for staging/KEY to prove it (there: {there})"
    )


def test_what_staging_does_not_have_it_need_not_prove(world: World) -> None:
    world.today = policies(
        policy(), environments=(environment("staging"), environment("production", after="staging"))
    )
    world.looked(seen(age=OLD))
    assert world.stands().due


def test_a_person_may_rotate_production_first(world: World) -> None:
    staging_first(world)
    world.journal.add_request(request())
    assert world.stands("production/KEY").standing is Standing.REQUESTED
    assert world.stands("staging/KEY").standing is Standing.FRESH


def test_a_pause_is_looked_up_by_secret(world: World) -> None:
    world.looked(seen(age=OLD))
    pause = Pause(secret="production/KEY", until=NOW + DAY, by="ana", because="release")
    world.journal.note_pause("production/KEY", pause)
    assert decisions(world.journal, world.today)["production/KEY"].decision.standing is Standing.PAUSED
