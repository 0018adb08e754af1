"""A journal that an earlier version wrote is brought up to date, and every rotation in it ends as it should."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from rotator.contracts.provider import Liveness, Overlap
from rotator.engine.phases.step import submitted_seal
from rotator.engine.record import faults_in_record
from rotator.engine.worker import Worker
from rotator.model.alerts import AlertKind
from rotator.model.requests import RequestKind, RequestState
from rotator.model.rotation import Death, Ledger, Phase, RolloutState, State
from rotator.model.secrets import AcceptedSet
from tests.upgrade.company import Company
from tests.upgrade.keeping import JOURNALS, Kept, newest, read
from tests.upgrade.moved import moved, until
from tests.upgrade.places import SHARED, Place
from tests.upgrade.policy import policy_of
from tests.upgrade.write import written

_WRITTEN = sorted(JOURNALS.glob("*.json"))
#: Which requests nobody could make yet when a journal was written.
_LATER = {"1": {RequestKind.SUBMIT, RequestKind.ACKNOWLEDGE, RequestKind.SNOOZE, RequestKind.REJECT}}


def test_a_rotation_stands_in_every_phase() -> None:
    assert standing(newest()) == set(Phase), "write another journal: python -m tests.upgrade.write"


def test_everything_else_that_can_be_under_way_is_there_too() -> None:
    rows = newest()["rows"]
    rollouts = {(row["state"], row["started_at"] is not None) for row in rows["rollout"]}
    assert {(RolloutState.OPEN, False), (RolloutState.CLOSED, False), (RolloutState.CLOSED, True)} <= rollouts
    assert {row["state"] for row in rows["rotation"]} == set(State)
    assert any(not row["closed"] for row in rows["alert"])
    assert any(row["owner"] for row in rows["rotation"])
    assert all(rows[table] for table in ("head", "pause", "policy_version", "secret", "environment"))


@pytest.mark.parametrize("path", _WRITTEN, ids=lambda path: path.stem)
def test_every_kind_of_request_waits_in_it(path: Path) -> None:
    waiting = {row["kind"] for row in read(path)["rows"]["request"] if row["state"] == RequestState.WAITING}
    assert waiting == set(RequestKind) - _LATER.get(path.stem, set())


def test_every_field_of_a_ledger_has_been_written_by_some_rotation() -> None:
    ledgers = [json.loads(row["ledger"]) for row in newest()["rows"]["rotation"]]
    assert {name for ledger in ledgers for name in ledger} == set(Ledger.model_fields)


def test_values_that_wait_sealed_are_names_in_the_file_whoever_has_them() -> None:
    kept = newest()
    bound = {text["bound_to"] for text in kept["sealed"].values()}
    brought = [row for row in kept["rows"]["request"] if row["sealed"]]
    begun = [row for row in kept["rows"]["rotation"] if submitted_seal(row["id"]) in bound]
    assert {row["state"] for row in brought} == {RequestState.WAITING}
    assert {kept["sealed"][row["sealed"]]["key"] for row in brought} == {row["data_key"] for row in brought}
    assert {row["phase"] for row in begun} >= {Phase.PLAN}


@pytest.mark.slow  # it works until every rotation is where it is wanted
def test_todays_code_can_write_one() -> None:
    assert standing(written()) == set(Phase)


def standing(kept: Kept) -> set[str]:
    """The phases in which there is an active rotation."""
    return {row["phase"] for row in kept["rows"]["rotation"] if row["state"] == State.ACTIVE}


@pytest.mark.slow  # half a company's day, with every rotation it has
@pytest.mark.timeout(300)
@pytest.mark.parametrize("path", _WRITTEN, ids=lambda path: path.stem)
def test_newer_code_brings_every_rotation_to_its_end(
    path: Path, new_place: Callable[[], str], tmp_path: Path
) -> None:
    kept = read(path)
    begun = [row["id"] for row in kept["rows"]["rotation"]]
    with moved(kept, new_place(), tmp_path) as company:
        assert company.journal.installation() == kept["rows"]["meta"][0]["installation"]
        people_have_looked(company)
        workers = [Worker(company, "newer", company.bounds)]
        until(company, lambda: company.turn(workers), lambda: ended(company, begun))
        for _ in range(5):
            company.turn(workers)
        for place in company.places.values():
            judged(company, place)
        assert company.journal.requests(waiting=True) == []
        settled = company.journal.requests(waiting=False)
        refused = {one.about for one in settled if one.state is RequestState.REFUSED}
        assert refused <= {"production/UNWANTED"}, "what somebody said no to"
        assert {row.alert.kind for row in company.journal.alerts() if not row.alert.closed} <= {
            AlertKind.UNDONE
        }
        assert faults_in_record(company) == []


def people_have_looked(company: Company) -> None:
    """What they did before they said so."""
    company.hands = True
    full = company.sources[company.place("PARKED_FULL").secret]
    full.remove(next(held for held in full.living() if held.label == "somebody else's"))
    in_use = company.sources[company.place("GRACE_IN_USE").secret]
    in_use.held[0].last_used = None  # it shows sessions, and the last one has ended
    unseen = company.place("PARKED_UNSEEN").secret
    policy = company.today.secrets[unseen]
    recipe = policy.recipe.model_copy(update={"accept_unseen": True})
    today = company.today.secrets | {unseen: policy.model_copy(update={"recipe": recipe})}
    company.today = company.today.model_copy(update={"secrets": today})


def ended(company: Company, begun: list[str]) -> bool:
    """Nothing is under way, neither what was then nor what was asked for since."""
    rows = company.journal.rotations()
    return (
        {row.id for row in rows} >= set(begun)
        and all(row.state in {State.DONE, State.UNDONE} for row in rows)
        and company.journal.requests(waiting=True) == []
    )


def judged(company: Company, place: Place) -> None:
    """The rotation that was caught ended as it should; nothing is left over, and what is called dead is."""
    rotation = company.rotation_of(place)
    assert rotation is not None or not place.begun, place.name
    assert rotation is None or rotation.state is place.ends, (place.name, rotation.sentence)
    recipe = policy_of(place).recipe
    current = {field: company.parameters.parameters[name].value for field, name in recipe.fields.items()}
    if place.kind is SHARED:
        accepted = AcceptedSet.parse(company.parameters.parameters[str(recipe.accepted_as)].value)
        assert len(accepted) == 1 + place.strangers
        assert current["value"] in accepted
        return
    source = company.sources[place.secret]
    (only,) = [held for held in source.living() if held.liveness is Liveness.LIVE]
    assert only.fields == current
    if rotation is not None and rotation.state is State.DONE and place.kind.overlap is not Overlap.NONE:
        assert rotation.ledger.death in {Death.TRIED, Death.LISTED_GONE}
        assert source.by_id(str(rotation.ledger.predecessor_id)) is None
