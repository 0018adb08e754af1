"""What people asked for, what was seen and what was applied is kept; of what can be newer, the newest."""

# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

from rotator.contracts.journal import Journal, Opening
from rotator.model.observations import Observed, Pause, Rejection, Surveyed
from rotator.model.policy import AlertPolicy, Policies
from rotator.model.requests import Basis, Request, RequestKind, RequestState
from rotator.model.rotation import State
from rotator.testing.journal_contract.rows import (
    HOUR,
    KEY,
    MINUTE,
    NO_TIME,
    OPENED,
    a_rotation,
    at_once,
    claimed,
    ended,
    held,
)


def a_request(journal: Journal, ago: timedelta = NO_TIME, **changes: Any) -> Request:
    """Somebody's wish to rotate a secret."""
    request = Request(
        id=secrets.token_hex(8),
        kind=RequestKind.ROTATE,
        about=KEY,
        by="ana",
        because="it was in a screenshot",
        at=journal.now() - ago,
    )
    return request.model_copy(update=changes)


def a_look(journal: Journal, name: str = KEY, ago: timedelta = NO_TIME, **seen: Any) -> Observed:
    """What a scan saw of a secret."""
    return Observed(secret=name, observed_at=journal.now() - ago, **seen)


class RecordsContract:
    """Requests, observations, pauses, policies."""

    # requests

    def test_requests_oldest_first(self, journal: Journal, other: Journal) -> None:
        newest, oldest = a_request(journal), a_request(journal, ago=HOUR, until=journal.now())
        for request in (newest, oldest):
            journal.add_request(request)
        assert other.requests() == [oldest, newest]

    def test_a_request_is_kept_once(self, journal: Journal) -> None:
        request = a_request(journal)
        journal.add_request(request)
        assert journal.settle_request(request.id, RequestState.REFUSED, "nobody knows that secret")
        journal.add_request(request)
        (kept,) = journal.requests(waiting=False)
        assert kept.state is RequestState.REFUSED

    def test_a_settled_request_waits_no_more(self, journal: Journal) -> None:
        request, waits = a_request(journal), a_request(journal)
        for each in (request, waits):
            journal.add_request(each)
        assert journal.settle_request(request.id, RequestState.TAKEN, "became r1", "r1")
        assert journal.requests() == [waits]
        settled = {each.id: each for each in journal.requests(waiting=False)}[request.id]
        changes = {"state": RequestState.TAKEN, "sentence": "became r1", "rotation": "r1"}
        assert settled == request.model_copy(update=changes)

    def test_what_a_plan_was_made_from_stays_with_its_request(self, journal: Journal, other: Journal) -> None:
        basis = Basis(planned_at=journal.now(), policy_version="1" * 64, versions={KEY: 3})
        planned, plain = a_request(journal, ago=HOUR, basis=basis), a_request(journal)
        for each in (planned, plain):
            journal.add_request(each)
        assert [one.basis for one in other.requests()] == [basis, None]
        journal.settle_request(planned.id, RequestState.REFUSED, "it changed")
        assert other.requests(waiting=False)[0].basis == basis, "auditors see what was planned"

    def test_what_was_submitted_is_kept_until_its_request_is_settled(
        self, journal: Journal, other: Journal
    ) -> None:
        brought: dict[str, Any] = {
            "kind": RequestKind.SUBMIT,
            "sealed": "1:c2VhbGVk",
            "data_key": "kms:d3JhcHBlZA",
        }
        refused, waits = a_request(journal, **brought), a_request(journal, **brought)
        for each in (refused, waits):
            journal.add_request(each)
        assert {one.id: one for one in other.requests()} == {one.id: one for one in (refused, waits)}
        assert journal.settle_request(refused.id, RequestState.REFUSED, "replaced")
        kept = {one.id: one for one in other.requests(waiting=False)}
        assert (kept[refused.id].sealed, kept[refused.id].data_key) == (None, None)
        assert kept[waits.id] == waits

    def test_a_rotation_that_answers_a_request_takes_over_what_was_submitted(
        self, journal: Journal, other: Journal
    ) -> None:
        brought: dict[str, Any] = {"sealed": "1:c2VhbGVk", "data_key": "kms:d3JhcHBlZA"}
        request = a_request(journal, kind=RequestKind.SUBMIT, **brought)
        journal.add_request(request)
        took = {"id": request.id, "sealed_successor": request.sealed, "data_key": request.data_key}
        draft = a_rotation(journal, KEY, **took)
        assert journal.open_rotations([Opening(draft, OPENED, (request.id,))]) == {request.id}
        row, (settled,) = other.rotation(request.id), other.requests(waiting=False)
        assert row is not None
        assert (row.sealed_successor, row.data_key) == (request.sealed, request.data_key)
        assert (settled.state, settled.rotation) == (RequestState.TAKEN, request.id)
        assert (settled.sealed, settled.data_key) == (None, None)

    def test_what_was_submitted_is_taken_once_whatever_has_become_of_its_rotation(
        self, journal: Journal, other: Journal
    ) -> None:
        row = ended(journal, KEY, State.DONE)
        again = a_rotation(journal, KEY, id=row.id, sealed_successor="1:c2VhbGVk")
        request = a_request(journal, kind=RequestKind.SUBMIT)
        other.add_request(request)
        assert other.open_rotations([Opening(again, OPENED, (request.id,))]) == set()
        assert journal.rotation(row.id) == row
        assert journal.requests() == [request]

    def test_settling_is_false_when_somebody_else_settled_it(self, journal: Journal, other: Journal) -> None:
        request = a_request(journal)
        journal.add_request(request)
        handles = (journal, other)
        won = at_once(
            lambda number: handles[number % 2].settle_request(request.id, RequestState.TAKEN, f"by {number}")
        )
        assert won.count(True) == 1
        assert journal.requests(waiting=False)[0].sentence == f"by {won.index(True)}"
        assert not journal.settle_request("unknown", RequestState.TAKEN, "")

    # observations

    def test_the_last_observation_of_every_secret(self, journal: Journal, other: Journal) -> None:
        now = journal.now()
        full = a_look(
            journal,
            versions={"/taly/production/A": 7},
            written={"/taly/production/A": {6: now - HOUR, 7: now}},
            modified_at=now,
            modified_by="ana",
            created_at=now,
            census_at=now,
            unknown=("k2",),
            trouble="the source did not answer",
        )
        absent = a_look(journal, "production/B", present=False)
        journal.note_observed([full, absent])
        assert other.observed() == {KEY: full, "production/B": absent}
        journal.note_observed([])

    def test_the_newest_observation_wins(self, journal: Journal) -> None:
        newest = a_look(journal, versions={"p": 2})
        journal.note_observed([a_look(journal, ago=2 * HOUR)])
        journal.note_observed([newest])
        journal.note_observed([a_look(journal, ago=HOUR, versions={"p": 1})])
        assert journal.observed() == {KEY: newest}

    def test_an_observation_of_the_same_moment_replaces_the_one_before(self, journal: Journal) -> None:
        look = a_look(journal)
        again = look.model_copy(update={"census_at": journal.now()})
        journal.note_observed([look])
        journal.note_observed([again])
        assert journal.observed() == {KEY: again}

    def test_the_last_scan_of_every_environment(self, journal: Journal, other: Journal) -> None:
        now = journal.now()
        earlier = Surveyed(environment="staging", scanned_at=now - HOUR, trouble="SSM did not answer")
        staging = Surveyed(
            environment="staging", scanned_at=now, agreed=True, unmanaged=("/taly/x",), digest="d"
        )
        production = Surveyed(environment="production", scanned_at=now, foreign_owner="somebody")
        for survey in (earlier, staging, production, earlier):
            journal.note_surveyed(survey)
        assert other.surveyed() == {"staging": staging, "production": production}

    def test_a_pause_is_kept_until_it_is_lifted(self, journal: Journal, other: Journal) -> None:
        over = Pause(secret=KEY, until=journal.now() - HOUR, by="ana", because="audit")
        longer = over.model_copy(update={"until": journal.now() + HOUR, "by": "bo"})
        journal.note_pause(KEY, over)
        assert other.pauses() == {KEY: over}
        journal.note_pause(KEY, longer)
        assert other.pauses() == {KEY: longer}
        journal.note_pause(KEY, None)
        journal.note_pause("production/B", None)
        assert other.pauses() == {}

    def test_a_no_is_kept_until_it_is_lifted(self, journal: Journal, other: Journal) -> None:
        rejection = Rejection(secret=KEY, by="ana", because="not this week", at=journal.now())
        later = rejection.model_copy(update={"by": "bo"})
        journal.note_rejection(KEY, rejection)
        assert other.rejections() == {KEY: rejection}
        journal.note_rejection(KEY, later)
        assert other.rejections() == {KEY: later}
        journal.note_rejection(KEY, None)
        journal.note_rejection("production/B", None)
        assert other.rejections() == {}

    def test_what_holds_rotations_back_is_what_was_noted(self, journal: Journal) -> None:
        survey = Surveyed(environment="production", scanned_at=journal.now(), foreign_owner="somebody")
        pause = Pause(secret=KEY, until=journal.now() + HOUR, by="ana", because="audit")
        journal.note_surveyed(survey)
        assert journal.holds() == ({"production": survey}, {})
        journal.note_pause(KEY, pause)
        assert journal.holds() == ({"production": survey}, {KEY: pause})
        journal.note_pause(KEY, None)
        journal.note_surveyed(survey.model_copy(update={"foreign_owner": ""}))
        assert journal.holds() == (journal.surveyed(), {})

    def test_what_others_noted_holds_rotations_back_from_the_next_claim_or_checkpoint_on(
        self, journal: Journal, other: Journal
    ) -> None:
        pause = Pause(secret=KEY, until=journal.now() + HOUR, by="ana", because="audit")
        row = held(journal)
        assert journal.holds().pauses == {}
        other.note_pause(KEY, pause)
        row = journal.checkpoint(row, row, release=False)
        assert journal.holds().pauses == {KEY: pause}
        other.note_pause(KEY, None)
        journal.checkpoint(row, row.model_copy(update={"run_at": journal.now()}), release=True)
        assert journal.holds().pauses == {}
        other.note_pause(KEY, pause)
        claimed(journal)
        assert journal.holds().pauses == {KEY: pause}

    # policy

    def test_the_last_policy_that_was_applied(self, journal: Journal, other: Journal) -> None:
        assert journal.last_policy() is None
        assert journal.policies_in_force() is None
        assert journal.policy_applied() is None
        for version, text in (("v1", "one: ą"), ("v2", "two"), ("v1", "one: ą")):
            before = journal.now()
            journal.note_policy(Policies(version=version, environments={}, secrets={}), text)
            assert other.last_policy() == text
            assert other.policies_in_force() == Policies(version=version, environments={}, secrets={})
            applied, at = other.policy_applied() or ("", before)
            assert applied == version
            assert before <= at <= journal.now()

    def test_what_policies_left_to_itself_since_a_yes_is_kept_with_the_last_one(
        self, journal: Journal, other: Journal
    ) -> None:
        assert journal.left_alone() == ()
        policies = Policies(version="v1", environments={}, secrets={})
        journal.note_policy(policies, "text", ("a/Y", "a/X"))
        assert other.left_alone() == ("a/Y", "a/X")
        journal.note_policy(policies, "text", ())
        assert other.left_alone() == ("a/Y", "a/X"), "the same policy again is no yes"
        journal.note_policy(policies.model_copy(update={"version": "v2"}), "text")
        assert other.left_alone() == ()

    def test_a_policy_under_other_settings_is_another(self, journal: Journal, other: Journal) -> None:
        slow = Policies(version="v1", environments={}, secrets={}, alerts=AlertPolicy(group_wait=HOUR))
        fast = slow.model_copy(update={"alerts": AlertPolicy(group_wait=MINUTE)})
        for policies in (slow, fast, fast):
            journal.note_policy(policies, "text")
        assert other.policies_in_force() == fast
