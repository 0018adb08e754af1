"""A rollout gathers the rotations of one workload while it is open, and belongs to one worker at a time."""

# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest

from rotator.contracts.journal import Journal
from rotator.model.errors import LostClaim
from rotator.model.rotation import Evidence, Phase, Purpose, RolloutRow, RolloutState, State
from rotator.testing.journal_contract.rows import (
    HOUR,
    KEY,
    MINUTE,
    NO_TIME,
    WORKLOAD,
    at_once,
    claimed,
    claimed_rollout,
    ended,
    held,
    ids,
    joined,
    opened,
    waiting,
)


def moved(journal: Journal, row: RolloutRow, state: RolloutState, *, release: bool = True) -> RolloutRow:
    """A held rollout in another state, looked at again in an hour."""
    changed = row.model_copy(update={"state": state, "run_at": journal.now() + HOUR})
    return journal.checkpoint_rollout(row, changed, release=release)


def closed(journal: Journal, workload: str = WORKLOAD) -> RolloutRow:
    """A closed rollout of a workload, held by a worker."""
    row = joined(journal, opened(journal), workload, exclusive=True)
    taken = claimed_rollout(journal)
    assert taken.id == row.id
    return moved(journal, taken, RolloutState.CLOSED, release=False)


class RolloutsContract:
    """Joining and advancing rollouts."""

    def test_joining_opens_a_rollout_that_is_due(self, journal: Journal) -> None:
        rotation = opened(journal)
        row = joined(journal, rotation)
        assert (row.workload, row.purpose, row.state) == (WORKLOAD, Purpose.REDEPLOY, RolloutState.OPEN)
        assert row.members == (rotation.id,)
        assert (row.exclusive, row.fence, row.started_at, row.seen) == (False, 0, None, {})
        assert claimed_rollout(journal).id == row.id

    def test_joining_joins_the_workloads_open_rollout_of_that_purpose(
        self, journal: Journal, other: Journal
    ) -> None:
        first, second = opened(journal), opened(journal)
        row = joined(journal, first)
        again = joined(other, second)
        assert again.id == row.id
        assert set(again.members) == {first.id, second.id}
        assert journal.rollouts([row.id]) == [again]

    def test_other_workloads_and_purposes_have_rollouts_of_their_own(self, journal: Journal) -> None:
        rotation = opened(journal)
        rows = {
            joined(journal, rotation).id,
            joined(journal, rotation, "production/worker").id,
            joined(journal, rotation, "staging/api").id,
            *(
                journal.join_rollout(rotation.id, WORKLOAD, purpose, exclusive=False).id
                for purpose in (Purpose.ANNOUNCE, Purpose.FORGET, Purpose.UNDO)
            ),
        }
        assert len(rows) == 6

    @pytest.mark.parametrize("state", [RolloutState.OPEN, RolloutState.CLOSED, RolloutState.DONE])
    def test_a_member_gets_that_one_again(self, journal: Journal, state: RolloutState) -> None:
        rotation = opened(journal)
        joined(journal, rotation)
        row = moved(journal, claimed_rollout(journal), state)
        assert joined(journal, rotation) == row
        assert joined(journal, rotation, exclusive=True) == row

    def test_a_member_of_one_that_failed_gets_another(self, journal: Journal) -> None:
        rotation = opened(journal)
        joined(journal, rotation)
        failed = moved(journal, claimed_rollout(journal), RolloutState.FAILED)
        assert joined(journal, rotation).id != failed.id

    def test_a_member_of_one_that_began_too_early_gets_another(self, journal: Journal) -> None:
        started = journal.start_rollout(closed(journal))
        assert started is not None
        assert started.started_at is not None
        row = moved(journal, started, RolloutState.DONE)
        again = partial(journal.join_rollout, row.members[0], WORKLOAD, Purpose.REDEPLOY, exclusive=False)
        assert again(since=started.started_at) == row
        assert again(since=started.started_at + timedelta(microseconds=1)).id != row.id

    @pytest.mark.parametrize("state", [RolloutState.CLOSED, RolloutState.DONE, RolloutState.FAILED])
    def test_a_join_never_lands_in_one_that_is_not_open(self, journal: Journal, state: RolloutState) -> None:
        joined(journal, opened(journal))
        row = moved(journal, claimed_rollout(journal), state)
        late = opened(journal)
        another = joined(journal, late)
        assert another.id != row.id
        assert another.members == (late.id,)
        assert journal.rollouts([row.id]) == [row]

    def test_an_exclusive_rollout_is_joined_by_nobody_else(self, journal: Journal) -> None:
        alone, first, second = (opened(journal) for _ in range(3))
        exclusive = joined(journal, alone, exclusive=True)
        assert exclusive.exclusive
        shared = joined(journal, first)
        assert joined(journal, second).id == shared.id != exclusive.id
        assert journal.rollouts([exclusive.id])[0].members == (alone.id,)

    def test_an_exclusive_join_never_lands_in_a_shared_one(self, journal: Journal) -> None:
        shared = joined(journal, opened(journal))
        assert joined(journal, opened(journal), exclusive=True).id != shared.id

    def test_members_are_in_the_order_in_which_they_joined(self, journal: Journal) -> None:
        rotations = [opened(journal) for _ in range(3)]
        members = [joined(journal, rotation) for rotation in rotations][-1].members
        assert set(members) == set(ids(rotations))

    def test_eight_that_join_at_once_are_in_one_rollout(self, journal: Journal, other: Journal) -> None:
        handles, rotations = (journal, other), [opened(journal) for _ in range(8)]
        rows = at_once(lambda number: joined(handles[number % 2], rotations[number]))
        assert len({row.id for row in rows}) == 1
        assert set(journal.rollouts([rows[0].id])[0].members) == set(ids(rotations))

    def test_one_that_joins_eight_times_at_once_is_in_one_rollout(
        self, journal: Journal, other: Journal
    ) -> None:
        handles, rotation = (journal, other), opened(journal)
        rows = at_once(lambda number: joined(handles[number % 2], rotation, exclusive=True))
        assert len({row.id for row in rows}) == 1

    def test_no_join_lands_in_a_rollout_while_it_closes(self, journal: Journal, other: Journal) -> None:
        joined(journal, opened(journal))
        row, rotations = claimed_rollout(journal), [opened(journal) for _ in range(8)]

        def close_or_join(number: int) -> RolloutRow:
            if number == 0:
                return moved(journal, row, RolloutState.CLOSED)
            return joined(other, rotations[number])

        immutable, *rows = at_once(close_or_join)
        assert journal.rollouts([row.id]) == [immutable]
        assert all(set(each.members) <= set(immutable.members) for each in rows if each.id == row.id)
        assert len({each.id for each in rows} - {row.id}) <= 1

    def test_rollouts_by_id(self, journal: Journal) -> None:
        rows = [joined(journal, opened(journal), exclusive=True) for _ in range(3)]
        wanted = journal.rollouts([rows[2].id, rows[0].id, "unknown"])
        assert {row.id: row for row in wanted} == {row.id: row for row in (rows[0], rows[2])}
        assert journal.rollouts([]) == []

    # claims, as those of rotations

    def test_a_claim_takes_due_rollouts_that_are_open_or_closed(self, journal: Journal) -> None:
        for state in (RolloutState.OPEN, RolloutState.DONE, RolloutState.FAILED):
            joined(journal, opened(journal), exclusive=True)
            moved(journal, claimed_rollout(journal), state)
        joined(journal, opened(journal), exclusive=True)
        row = claimed_rollout(journal)
        closed = row.model_copy(update={"state": RolloutState.CLOSED, "run_at": journal.now()})
        journal.checkpoint_rollout(row, closed, release=True)
        assert ids(journal.claim_rollouts("one", 9, MINUTE)) == [row.id]

    def test_a_claimed_rollout_is_not_claimed_again_while_the_claim_lasts(
        self, journal: Journal, other: Journal
    ) -> None:
        row = joined(journal, opened(journal))
        taken = claimed_rollout(journal)
        assert (taken.id, taken.owner, taken.fence) == (row.id, "one", row.fence + 1)
        assert taken.members == row.members
        assert other.claim_rollouts("two", 9, MINUTE) == []

    def test_no_two_workers_hold_one_rollout(self, journal: Journal, other: Journal) -> None:
        rows = {joined(journal, opened(journal), exclusive=True).id for _ in range(24)}
        handles = (journal, other)

        def take_all(number: int) -> list[str]:
            taken: list[str] = []
            while batch := handles[number % 2].claim_rollouts(f"worker {number}", 2, MINUTE):
                taken += ids(batch)
            return taken

        taken = [row for some in at_once(take_all) for row in some]
        assert len(taken) == len(rows)
        assert set(taken) == rows

    def test_a_checkpoint_writes_changed_over_the_rollout_and_never_its_members(
        self, journal: Journal, other: Journal
    ) -> None:
        joined(journal, opened(journal))
        row = claimed_rollout(journal)
        late = opened(journal)
        joined(other, late)
        now = journal.now()
        changed = row.model_copy(
            update={
                "state": RolloutState.CLOSED,
                "started_at": now,
                "attempt": 1,
                "sentence": "2 of 3 pods are new",
                "evidence": Evidence.REPORTED,
                "seen": {"/taly/production/KEY": 7},
            }
        )
        kept = journal.checkpoint_rollout(row, changed, release=False)
        assert kept == changed.model_copy(update={"members": kept.members, "run_at": kept.run_at})
        assert set(kept.members) == {*row.members, late.id}
        assert [kept] == other.rollouts([row.id])

    def test_start_stamps_started_at_on_a_closed_rollout(self, journal: Journal, other: Journal) -> None:
        row = closed(journal)
        before = journal.now()
        started = journal.start_rollout(row)
        assert started is not None
        assert started.started_at is not None
        assert before <= started.started_at <= journal.now()
        assert started == row.model_copy(update={"started_at": started.started_at})
        assert other.rollouts([row.id]) == [started]

    @pytest.mark.parametrize("state", [RolloutState.DONE, RolloutState.FAILED])
    def test_start_is_none_while_another_one_of_its_workload_is_under_way(
        self, journal: Journal, state: RolloutState
    ) -> None:
        first, second, elsewhere = closed(journal), closed(journal), closed(journal, "production/worker")
        under_way = journal.start_rollout(first)
        assert under_way is not None
        assert journal.start_rollout(second) is None
        assert journal.rollouts([second.id]) == [second]
        assert journal.start_rollout(elsewhere) is not None
        moved(journal, under_way, state)
        assert journal.start_rollout(second) is not None

    def test_of_eight_that_start_at_once_one_does(self, journal: Journal, other: Journal) -> None:
        handles, rows = (journal, other), [closed(journal) for _ in range(8)]
        started = at_once(lambda number: handles[number % 2].start_rollout(rows[number]))
        assert sum(row is not None for row in started) == 1

    def test_start_raises_lost_claim_when_the_claim_is_no_longer_ours(self, journal: Journal) -> None:
        row = closed(journal)
        moved(journal, row, RolloutState.CLOSED)
        with pytest.raises(LostClaim):
            journal.start_rollout(row)

    def test_a_checkpoint_of_a_rollout_whose_claim_was_lost_raises_lost_claim(
        self, journal: Journal, other: Journal
    ) -> None:
        joined(journal, opened(journal))
        frozen = claimed_rollout(journal, lease=NO_TIME)
        taken = claimed_rollout(other, owner="two")
        with pytest.raises(LostClaim):
            moved(journal, frozen, RolloutState.DONE)
        assert journal.rollouts([frozen.id]) == [taken]
        moved(other, taken, RolloutState.OPEN)
        with pytest.raises(LostClaim):
            moved(other, taken, RolloutState.DONE)

    @pytest.mark.parametrize("state", [RolloutState.DONE, RolloutState.FAILED])
    def test_a_rollout_that_ends_wakes_its_members(self, journal: Journal, state: RolloutState) -> None:
        member = waiting(journal, held(journal))
        stranger = waiting(journal, held(journal))
        over = ended(journal, KEY, State.PARKED)
        for rotation in (member, over):
            joined(journal, rotation)
        moved(journal, claimed_rollout(journal), state)
        assert ids(journal.claim_rotations("one", 9, Phase, MINUTE)) == [member.id]
        assert journal.rotation(stranger.id) == stranger
        assert journal.rotation(over.id) == over

    def test_a_rollout_that_ends_wakes_a_member_that_is_claimed_when_it_is_released(
        self, journal: Journal
    ) -> None:
        member = held(journal)
        joined(journal, member)
        moved(journal, claimed_rollout(journal), RolloutState.DONE)
        waiting(journal, member)
        assert claimed(journal).id == member.id

    def test_a_rollout_that_goes_on_wakes_nobody(self, journal: Journal) -> None:
        joined(journal, waiting(journal, held(journal)))
        moved(journal, claimed_rollout(journal), RolloutState.CLOSED)
        assert journal.claim_rotations("one", 9, Phase, MINUTE) == []
