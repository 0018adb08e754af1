"""What a worker writes is written under its claim, with its events, or not at all."""

# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

import secrets

import pytest

from rotator.contracts.journal import Journal, Told
from rotator.model.errors import LostClaim
from rotator.model.rotation import Evidence, Ledger, Phase, Priority, Reason, State
from rotator.testing.journal_contract.rows import MINUTE, NO_TIME, OPENED, claimed, held, opened, waiting


class CheckpointsContract:
    """Writing under a claim."""

    def test_a_checkpoint_writes_changed_over_the_rotation_and_returns_the_row_as_it_is_now(
        self, journal: Journal, other: Journal
    ) -> None:
        row = held(journal)
        now = journal.now()
        changed = row.model_copy(
            update={
                "phase": Phase.VERIFY,
                "phase_since": now,
                "attempt": 2,
                "reason": Reason.PROPAGATING,
                "sentence": "accepted twice, wanted three times",
                "ledger": Ledger(
                    planned_fence=1, known=("a", "b"), before={"p": 3}, wrote_at=now, evidence=Evidence.TRAIL
                ),
                "sealed_predecessor": secrets.token_hex(),
                "sealed_successor": secrets.token_hex(),
                "data_key": secrets.token_hex(),
            }
        )
        kept = journal.checkpoint(row, changed, release=False)
        assert kept == journal.rotation(row.id) == other.rotation(row.id)
        assert kept == changed.model_copy(update={"run_at": kept.run_at})
        assert kept.owner == "one"

    def test_a_released_rotation_is_due_at_its_run_at(self, journal: Journal, other: Journal) -> None:
        row = held(journal)
        released = waiting(journal, row)
        assert (released.owner, released.claim_until) == (None, None)
        assert released.run_at > journal.now()
        assert released == other.rotation(row.id)
        assert journal.claim_rotations("two", 9, Phase, MINUTE) == []

    def test_a_worker_goes_on_from_the_row_that_its_checkpoint_returned(self, journal: Journal) -> None:
        row = held(journal)
        for attempt in range(3):
            row = journal.checkpoint(row, row.model_copy(update={"attempt": attempt}), release=False)
        assert waiting(journal, row).attempt == 2

    @pytest.mark.parametrize("told", [(Told("advanced", "it works"),) * events for events in range(4)])
    def test_a_checkpoint_of_a_frozen_worker_raises_lost_claim_and_writes_nothing(
        self, journal: Journal, other: Journal, told: tuple[Told, ...]
    ) -> None:
        frozen = held(journal, lease=NO_TIME)
        taken = claimed(other, owner="two")
        changed = frozen.model_copy(update={"phase": Phase.REMOVE, "state": State.DONE})
        with pytest.raises(LostClaim):
            journal.checkpoint(frozen, changed, *told, release=True)
        assert journal.rotation(frozen.id) == taken
        assert [event.kind for event in journal.events(frozen.id)] == ["opened"]
        assert journal.generation() == 0

    def test_a_checkpoint_after_the_release_raises_lost_claim(self, journal: Journal) -> None:
        row = held(journal)
        waiting(journal, row)
        with pytest.raises(LostClaim):
            waiting(journal, row)

    def test_the_same_owner_has_lost_a_claim_that_it_took_again(self, journal: Journal) -> None:
        frozen = held(journal, lease=NO_TIME)
        assert claimed(journal).fence == frozen.fence + 1
        with pytest.raises(LostClaim):
            waiting(journal, frozen)

    @pytest.mark.parametrize("strays", range(3))
    def test_events_are_told_with_the_checkpoint_or_not_at_all(self, journal: Journal, strays: int) -> None:
        row = held(journal)
        changed = row.model_copy(update={"phase": Phase.TIDY})
        told = [Told("noted", f"stray {number}") for number in range(strays)]
        row = journal.checkpoint(row, changed, Told("advanced", "planned"), *told, release=False)
        journal.checkpoint(row, row, Told("advanced", "tidied"), release=True)
        story = journal.events(row.id)
        assert [(event.sequence, event.phase, event.kind, event.sentence) for event in story] == [
            (1, Phase.PLAN, OPENED.kind, OPENED.sentence),
            (2, Phase.PLAN, "advanced", "planned"),
            *((3 + number, Phase.PLAN, "noted", f"stray {number}") for number in range(strays)),
            (3 + strays, Phase.TIDY, "advanced", "tidied"),
        ]

    def test_an_event_names_the_phase_that_acted_where_it_is_another_than_the_rows(
        self, journal: Journal
    ) -> None:
        row = held(journal)
        told = (Told("advanced", "written", Phase.STORE), Told("noted", "a mirror was stale"))
        journal.checkpoint(row, row.model_copy(update={"phase": Phase.REDEPLOY}), *told, release=True)
        assert [event.phase for event in journal.events(row.id)] == [Phase.PLAN, Phase.STORE, Phase.PLAN]

    def test_a_story_is_in_order_and_each_event_is_linked_to_the_one_before(self, journal: Journal) -> None:
        opened(journal)
        row = held(journal)
        journal.escalate(row.id, Told("escalated", "it leaked"))
        waiting(journal, journal.checkpoint(row, row, Told("advanced", "planned"), release=False))
        story = journal.events(row.id)
        assert [event.sequence for event in story] == [1, 2, 3]
        assert [event.previous_hash for event in story[1:]] == [event.hash for event in story[:-1]]
        assert len({event.hash for event in story}) == 3
        assert story[0].at <= story[1].at <= story[2].at <= journal.now()
        assert journal.events("unknown") == []

    def test_done_raises_the_generation_with_the_checkpoint(self, journal: Journal) -> None:
        row = held(journal)
        wiped = {"state": State.DONE, "sealed_predecessor": None, "sealed_successor": None, "data_key": None}
        row = journal.checkpoint(row, row.model_copy(update={"data_key": secrets.token_hex()}), release=False)
        done = journal.checkpoint(row, row.model_copy(update=wiped), release=True)
        assert journal.generation() == 1
        assert done == journal.rotation(row.id)
        assert (done.state, done.data_key) == (State.DONE, None)

    def test_priority_and_approval_are_never_written_by_a_checkpoint(self, journal: Journal) -> None:
        row = held(journal)
        journal.approve(row.id, Told("approved", "go ahead"), by="ana")
        journal.escalate(row.id, Told("escalated", "it leaked"))
        row = journal.checkpoint(row, row.model_copy(update={"attempt": 1}), release=False)
        assert (row.priority, row.approved_by, row.attempt) == (Priority.EMERGENCY, "ana", 1)
        assert row == journal.rotation(row.id)
