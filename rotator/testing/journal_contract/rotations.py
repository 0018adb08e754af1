"""Rotations are opened once per principal, and found again."""

# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

import pytest

from rotator.contracts.journal import Journal, Opening, Told
from rotator.model.requests import RequestState
from rotator.model.rotation import Phase, Reason, State
from rotator.testing.journal_contract.records import a_request
from rotator.testing.journal_contract.rows import (
    HOUR,
    KEY,
    MINUTE,
    OPENED,
    WORKLOAD,
    a_recipe,
    a_rotation,
    at_once,
    ended,
    held,
    ids,
    opened,
    opens,
)

#: More than anybody would read at once.
MANY = 1001


class RotationsContract:
    """Opening and finding."""

    def test_open_adds_an_active_rotation_as_it_was_drafted(self, journal: Journal, other: Journal) -> None:
        draft = opened(journal)
        assert other.rotation(draft.id) == draft
        assert draft.state is State.ACTIVE

    @pytest.mark.parametrize("state", [State.ACTIVE, State.PARKED])
    def test_open_is_false_when_its_principal_already_has_an_active_or_parked_one(
        self, journal: Journal, state: State
    ) -> None:
        row = held(journal, KEY)
        journal.checkpoint(row, row.model_copy(update={"state": state}), release=True)
        again = a_rotation(journal, "production/B", principal=KEY)
        assert not opens(journal, again)
        assert journal.rotation(again.id) is None
        assert journal.events(again.id) == []

    @pytest.mark.parametrize("state", [State.DONE, State.UNDONE])
    def test_a_principal_is_free_again_once_its_rotation_has_ended(
        self, journal: Journal, state: State
    ) -> None:
        ended(journal, KEY, state)
        assert opens(journal, a_rotation(journal, KEY))

    @pytest.mark.parametrize("state", [State.DONE, State.UNDONE])
    def test_a_draft_that_is_older_than_the_last_rotation_of_its_secret_opens_nothing(
        self, journal: Journal, other: Journal, state: State
    ) -> None:
        late = a_rotation(other, KEY, opened_at=journal.now() - HOUR)  # a replica decides, and freezes
        ended(journal, KEY, state)
        elsewhere = a_rotation(other, "production/B")
        request = a_request(other, about=KEY)
        other.add_request(request)
        openings = [Opening(late, OPENED, (request.id,)), Opening(elsewhere, OPENED)]
        assert other.open_rotations(openings) == {elsewhere.id}
        assert other.rotation(late.id) is None
        assert [one.id for one in other.requests(waiting=True)] == [request.id], "it is asked for as before"

    def test_opening_one_again_after_a_crash_is_false_and_changes_nothing(self, journal: Journal) -> None:
        draft = opened(journal)
        assert not opens(journal, draft, Told("opened", "again"))
        assert [event.sentence for event in journal.events(draft.id)] == [OPENED.sentence]

    def test_one_principal_is_opened_once_by_eight_threads(self, journal: Journal, other: Journal) -> None:
        drafts = [a_rotation(journal, KEY) for _ in range(8)]
        handles = (journal, other)
        won = at_once(lambda number: opens(handles[number % 2], drafts[number]))
        assert won.count(True) == 1
        assert ids(journal.rotations()) == [drafts[won.index(True)].id]

    def test_many_are_opened_at_once_each_with_the_first_line_of_its_story(
        self, journal: Journal, other: Journal
    ) -> None:
        busy = opened(journal, KEY)
        drafts = [a_rotation(journal) for _ in range(MANY)]
        taken = a_rotation(journal, "production/B", principal=KEY)
        twin = a_rotation(journal, "production/C", principal=drafts[0].principal)
        began = [Opening(draft, Told("opened", draft.secret)) for draft in (*drafts, taken, twin)]
        assert journal.open_rotations(began) == {draft.id for draft in drafts}
        assert {row.id for row in other.rotations()} == {draft.id for draft in (busy, *drafts)}
        for draft in (drafts[0], drafts[-1]):
            assert other.rotation(draft.id) == draft
            assert [event.sentence for event in other.events(draft.id)] == [draft.secret]
        assert other.events(taken.id) == other.events(twin.id) == []
        assert not journal.verify_all()
        assert journal.open_rotations([]) == set()

    def test_the_requests_that_a_rotation_answers_are_settled_with_its_opening(
        self, journal: Journal
    ) -> None:
        opened(journal, KEY)
        asked = [a_request(journal) for _ in range(3)]
        for request in asked:
            journal.add_request(request)
        free, busy = a_rotation(journal, "production/B"), a_rotation(journal, KEY)
        answers = Opening(free, OPENED, [asked[0].id, asked[1].id]), Opening(busy, OPENED, [asked[2].id])
        assert journal.open_rotations(answers) == {free.id}
        assert [request.id for request in journal.requests()] == [asked[2].id]
        settled = [request for request in journal.requests(waiting=False) if request.rotation]
        assert {request.sentence for request in settled} == {f"became {free.id}"}
        assert {(request.state, request.rotation) for request in settled} == {(RequestState.TAKEN, free.id)}

    def test_a_rotation_is_not_opened_for_a_request_that_somebody_settled_meanwhile(
        self, journal: Journal, other: Journal
    ) -> None:
        refused, waits, taken = (a_request(journal) for _ in range(3))
        for request in (refused, waits, taken):
            journal.add_request(request)
        other.settle_request(refused.id, RequestState.REFUSED, "the plan does not hold any more")
        other.settle_request(taken.id, RequestState.TAKEN, "became another", "another")
        late = [Opening(a_rotation(journal, KEY), OPENED, (refused.id, waits.id))]
        late += [Opening(a_rotation(journal), OPENED, (taken.id,))]
        free = Opening(a_rotation(journal), OPENED)
        assert journal.open_rotations([*late, free]) == {free.rotation.id}
        assert ids(journal.rotations()) == [free.rotation.id]
        assert all(journal.events(each.rotation.id) == [] for each in late)
        assert journal.requests() == [waits], "the next look decides"
        settled = {one.id: one.sentence for one in journal.requests(waiting=False)}
        assert settled[refused.id] == "the plan does not hold any more"

    def test_a_request_is_refused_or_becomes_a_rotation_whoever_is_first(
        self, journal: Journal, other: Journal
    ) -> None:
        request, handles = a_request(journal, about=KEY), (journal, other)
        journal.add_request(request)
        drafts = [a_rotation(journal, KEY) for _ in range(8)]

        def settled(number: int) -> bool:
            if number % 2:
                return other.settle_request(request.id, RequestState.REFUSED, "it changed")
            opening = Opening(drafts[number], OPENED, (request.id,))
            return bool(handles[number % 4 // 2].open_rotations([opening]))

        won = at_once(settled)
        assert won.count(True) == 1
        (kept,) = journal.requests(waiting=False)
        assert ids(journal.rotations()) == ([kept.rotation] if kept.rotation else [])
        assert (kept.state is RequestState.TAKEN) == (won.index(True) % 2 == 0)

    def test_one_rotation_by_id(self, journal: Journal) -> None:
        opened(journal)
        wanted = opened(journal)
        assert journal.rotation(wanted.id) == wanted
        assert journal.rotation("unknown") is None

    def test_rotations_newest_first(self, journal: Journal) -> None:
        now = journal.now()
        oldest, newest, middle = (opened(journal, opened_at=now - age * HOUR) for age in (2, 0, 1))
        assert journal.rotations() == [newest, middle, oldest]
        assert journal.rotations(limit=2) == [newest, middle]

    def test_rotations_of_one_secret(self, journal: Journal) -> None:
        opened(journal)
        wanted = opened(journal, KEY)
        assert journal.rotations(secret=KEY) == [wanted]

    def test_unfinished_keeps_active_and_parked_ones(self, journal: Journal) -> None:
        parked = ended(journal, KEY, State.PARKED)
        done = ended(journal, "production/B", State.DONE)
        ended(journal, "production/C", State.UNDONE)
        active = opened(journal, "production/D")
        assert {row.id for row in journal.rotations(unfinished=True)} == {parked.id, active.id}
        assert len(journal.rotations()) == 4
        assert journal.rotations(secret=done.secret, unfinished=True) == []

    def test_all_of_them_however_many_unless_limited(self, journal: Journal) -> None:
        now = journal.now()
        several = [a_rotation(journal, opened_at=now - number * MINUTE) for number in range(MANY)]
        journal.open_rotations([Opening(draft, OPENED) for draft in several])
        assert ids(journal.rotations(unfinished=True)) == ids(several)
        assert ids(journal.rotations()) == ids(several)
        assert ids(journal.rotations(unfinished=True, limit=3)) == ids(several[:3])

    def test_what_is_on_its_way_to_a_workload_is_found_without_reading_it_whole(
        self, journal: Journal, other: Journal
    ) -> None:
        now = journal.now()
        late, early = (opened(journal, opened_at=now - age * HOUR, phase=Phase.STORE) for age in (1, 2))
        waits = opened(journal, phase=Phase.PLAN, reason=Reason.OTHERS)
        ended(journal, KEY, State.PARKED)
        recipe = a_recipe("production/B")
        elsewhere = recipe.deployments[0].model_copy(update={"id": f"{WORKLOAD}-gateway"})
        opened(journal, recipe=recipe.model_copy(update={"deployments": (elsewhere,)}))
        ours = other.on_their_way(WORKLOAD, [Phase.PLAN, Phase.STORE])
        assert ids(ours) == [early.id, late.id, waits.id]
        assert ours[2] == (waits.id, waits.secret, Phase.PLAN, Reason.OTHERS, waits.opened_at)
        assert ids(journal.on_their_way(WORKLOAD, [Phase.PLAN])) == [waits.id]
        assert journal.on_their_way("production/ap", Phase) == journal.on_their_way(WORKLOAD, []) == []

    def test_every_secrets_history(self, journal: Journal) -> None:
        assert journal.histories() == {}
        ended(journal, KEY, State.DONE, ago=2 * HOUR)
        done = ended(journal, KEY, State.DONE, ago=HOUR)
        undone = ended(journal, KEY, State.UNDONE)
        active = opened(journal, KEY)
        parked = ended(journal, "production/B", State.PARKED)
        histories = journal.histories()
        assert set(histories) == {KEY, "production/B"}
        assert histories[KEY].last_done == done
        assert histories[KEY].last_undone == undone
        assert histories[KEY].active == active
        assert histories["production/B"].active == parked
        assert histories["production/B"].last_done is None

    def test_the_stories_of_many_are_those_of_each(self, journal: Journal, other: Journal) -> None:
        one, another, left_out = opened(journal), opened(journal), opened(journal)
        journal.escalate(one.id, Told("escalated", "it leaked"))
        found = other.stories([one.id, another.id, "unknown"])
        assert found == {one.id: other.events(one.id), another.id: other.events(another.id)}
        assert left_out.id not in found
        assert other.stories([]) == {}

    def test_what_has_ended_is_found_by_when_it_began(self, journal: Journal, other: Journal) -> None:
        first, second = ended(journal, KEY, State.DONE), ended(journal, KEY, State.UNDONE)
        opened(journal)  # under way
        found = other.ended(first.opened_at)
        assert [one.opened_at for one in found] == sorted(one.opened_at for one in found)
        assert {(one.secret, one.id, one.state, one.opened_at, one.ended_at) for one in found} == {
            (KEY, first.id, State.DONE, first.opened_at, first.ended_at),
            (KEY, second.id, State.UNDONE, second.opened_at, second.ended_at),
        }
        assert other.ended(journal.now() + HOUR) == []
