"""A claimed rotation belongs to one worker, until the claim ends."""

# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

from rotator.contracts.journal import Journal, Told
from rotator.model.rotation import Phase, Priority, State
from rotator.testing.journal_contract.rows import (
    HOUR,
    KEY,
    MINUTE,
    NO_TIME,
    at_once,
    claimed,
    ended,
    held,
    ids,
    opened,
)


class ClaimsContract:
    """Claiming."""

    def test_a_claim_takes_due_active_rotations_only(self, journal: Journal) -> None:
        now = journal.now()
        due = opened(journal)
        opened(journal, run_at=now + HOUR)
        ended(journal, KEY, State.PARKED)
        ended(journal, "production/B", State.DONE)
        assert ids(journal.claim_rotations("one", 9, Phase, MINUTE)) == [due.id]

    def test_a_claim_takes_only_those_whose_phase_is_among_phases(self, journal: Journal) -> None:
        opened(journal, phase=Phase.STORE)
        wanted = opened(journal, phase=Phase.GRACE)
        assert ids(journal.claim_rotations("one", 9, [Phase.GRACE, Phase.PLAN], MINUTE)) == [wanted.id]
        assert journal.claim_rotations("one", 9, [], MINUTE) == []

    def test_a_claim_takes_emergencies_first_then_by_run_at(self, journal: Journal) -> None:
        now = journal.now()
        latest, earliest = (opened(journal, run_at=now - age * MINUTE) for age in (1, 9))
        emergency = opened(journal, priority=Priority.EMERGENCY)
        escalated = opened(journal)
        journal.escalate(escalated.id, Told("escalated", "it leaked"))
        taken = [claimed(journal).id for _ in range(4)]
        assert set(taken[:2]) == {emergency.id, escalated.id}
        assert taken[2:] == [earliest.id, latest.id]

    def test_a_claim_of_several_hands_out_emergencies_first(self, journal: Journal) -> None:
        now = journal.now()
        opened(journal, run_at=now - HOUR)
        emergency = opened(journal, priority=Priority.EMERGENCY)
        assert ids(journal.claim_rotations("one", 2, Phase, MINUTE))[0] == emergency.id

    def test_a_claim_takes_at_most_its_limit(self, journal: Journal) -> None:
        for _ in range(3):
            opened(journal)
        assert len(journal.claim_rotations("one", 2, Phase, MINUTE)) == 2

    def test_a_claim_raises_the_fence_and_names_its_owner_and_end(
        self, journal: Journal, other: Journal
    ) -> None:
        draft = opened(journal)
        before = journal.now()
        row = claimed(journal)
        assert row.fence == draft.fence + 1
        assert row.owner == "one"
        assert row.claim_until is not None
        assert before + MINUTE <= row.claim_until <= journal.now() + MINUTE
        assert other.rotation(row.id) == row

    def test_a_claimed_rotation_is_not_claimed_again_while_the_claim_lasts(
        self, journal: Journal, other: Journal
    ) -> None:
        held(journal)
        assert other.claim_rotations("two", 9, Phase, MINUTE) == []
        assert journal.claim_rotations("one", 9, Phase, MINUTE) == []

    def test_a_claim_that_ran_out_without_being_released_leaves_claim_lost_at(
        self, journal: Journal, other: Journal
    ) -> None:
        lost = held(journal, lease=NO_TIME)
        assert lost.claim_lost_at is None
        taken = claimed(other, owner="two")
        assert (taken.id, taken.fence, taken.owner) == (lost.id, lost.fence + 1, "two")
        assert taken.claim_lost_at is not None
        assert taken.claim_lost_at <= journal.now()
        released = journal.checkpoint(taken, taken.model_copy(update={"run_at": journal.now()}), release=True)
        assert claimed(journal).claim_lost_at == released.claim_lost_at == taken.claim_lost_at

    def test_a_claim_that_was_released_leaves_none(self, journal: Journal) -> None:
        row = held(journal)
        journal.checkpoint(row, row.model_copy(update={"run_at": journal.now()}), release=True)
        assert claimed(journal).claim_lost_at is None

    def test_no_two_workers_hold_one_rotation(self, journal: Journal, other: Journal) -> None:
        rows = {opened(journal).id for _ in range(60)}
        handles = (journal, other)

        def take_all(number: int) -> list[str]:
            taken: list[str] = []
            while batch := handles[number % 2].claim_rotations(f"worker {number}", 3, Phase, MINUTE):
                taken += ids(batch)
            return taken

        taken = [row for some in at_once(take_all) for row in some]
        assert len(taken) == len(rows)
        assert set(taken) == rows
