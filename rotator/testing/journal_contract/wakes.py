"""People may speak to a rotation at any time, also while a worker holds it."""

# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

from rotator.contracts.journal import Journal, Told
from rotator.model.requests import Request, RequestKind, RequestState
from rotator.model.rotation import Phase, Priority, State
from rotator.testing.journal_contract.rows import KEY, MINUTE, NO_TIME, at_once, claimed, ended, held, waiting


class WakesContract:
    """Waking, approving, escalating."""

    def test_wake_makes_a_waiting_rotation_due_now(self, journal: Journal) -> None:
        row = waiting(journal, held(journal))
        assert journal.claim_rotations("one", 9, Phase, MINUTE) == []
        journal.wake(row.id)
        assert claimed(journal).id == row.id
        journal.wake("unknown")

    def test_the_request_that_wants_a_wake_is_taken_with_it_once(self, journal: Journal) -> None:
        row = waiting(journal, held(journal))
        asked = Request(id="q1", kind=RequestKind.RETRY, about=row.id, by="ana", at=journal.now())
        journal.add_request(asked)
        journal.wake(row.id, asked.id, "tries again now")
        (kept,) = journal.requests(waiting=False)
        assert (kept.state, kept.sentence) == (RequestState.TAKEN, "tries again now")
        assert not journal.settle_request(asked.id, RequestState.REFUSED, "does not wait")

    def test_the_request_that_reopens_is_taken_with_it_and_only_if_it_was_parked(
        self, journal: Journal
    ) -> None:
        row = ended(journal, KEY, State.PARKED)
        for name in ("q1", "q2"):
            asked = Request(id=name, kind=RequestKind.APPROVE, about=row.id, by="ana", at=journal.now())
            journal.add_request(asked)
        looked = Told("approved", "ana has looked")
        assert journal.reopen(row.id, looked, "q1", "goes on")
        assert not journal.reopen(row.id, looked, "q2", "goes on")
        assert [one.id for one in journal.requests(waiting=True)] == ["q2"]
        assert not journal.settle_request("q1", RequestState.REFUSED, "does not wait for a yes")

    def test_a_wake_that_meets_a_claimed_rotation_counts_when_it_is_released(self, journal: Journal) -> None:
        row = held(journal)
        journal.wake(row.id)
        assert journal.claim_rotations("two", 9, Phase, MINUTE) == []
        waiting(journal, row)
        assert claimed(journal).id == row.id

    def test_a_wake_counts_once(self, journal: Journal) -> None:
        row = waiting(journal, held(journal))
        journal.wake(row.id)
        waiting(journal, claimed(journal))
        assert journal.claim_rotations("one", 9, Phase, MINUTE) == []

    def test_a_wake_counts_no_more_once_the_rotation_was_claimed_anew(self, journal: Journal) -> None:
        lost = held(journal, lease=NO_TIME)
        journal.wake(lost.id)
        waiting(journal, claimed(journal))
        assert journal.claim_rotations("one", 9, Phase, MINUTE) == []

    def test_what_has_ended_is_not_woken(self, journal: Journal) -> None:
        row = ended(journal, KEY, State.PARKED)
        journal.wake(row.id)
        journal.approve(row.id, Told("approved", "go ahead"), by="ana")
        journal.escalate(row.id, Told("escalated", "it leaked"))
        assert journal.rotation(row.id) == row
        assert len(journal.events(row.id)) == 2

    def test_approve_writes_down_who_gave_the_yes_and_wakes(self, journal: Journal) -> None:
        row = waiting(journal, held(journal))
        journal.approve(row.id, Told("approved", "go ahead"), by="ana")
        assert journal.events(row.id)[-1].kind == "approved"
        taken = claimed(journal)
        assert (taken.id, taken.approved_by, taken.priority) == (row.id, "ana", Priority.NORMAL)

    def test_a_word_that_two_replicas_heard_is_written_down_once(
        self, journal: Journal, other: Journal
    ) -> None:
        row = waiting(journal, held(journal))
        for replica in (journal, other):
            replica.approve(row.id, Told("approved", "go ahead"), by="ana")
            replica.roll_back(row.id, Told("rollback", "logins fail"), by="ana")
        kinds = [event.kind for event in journal.events(row.id)]
        assert (kinds.count("approved"), kinds.count("rollback")) == (1, 1)
        other.approve(row.id, Told("approved", "go ahead"), by="bea")
        assert journal.events(row.id)[-1].kind == "approved"

    def test_a_rollback_is_written_down_and_makes_due(self, journal: Journal) -> None:
        row = waiting(journal, held(journal))
        journal.roll_back(row.id, Told("rollback", "logins fail"), by="ana")
        assert journal.events(row.id)[-1].kind == "rollback"
        assert claimed(journal).rolled_back_by == "ana"

    def test_a_rollback_reaches_whoever_holds_the_row(self, journal: Journal) -> None:
        row = held(journal)
        journal.roll_back(row.id, Told("rollback", "logins fail"), by="ana")
        assert journal.checkpoint(row, row, release=True).rolled_back_by == "ana"

    def test_a_rollback_reopens_a_parked_rotation_and_leaves_an_ended_one_alone(
        self, journal: Journal
    ) -> None:
        parked, done = ended(journal, KEY, State.PARKED), ended(journal, "production/B", State.DONE)
        for row in (parked, done):
            journal.roll_back(row.id, Told("rollback", "logins fail"), by="ana")
        assert claimed(journal).id == parked.id
        assert journal.rotation(done.id) == done

    def test_escalate_makes_an_emergency_and_wakes(self, journal: Journal) -> None:
        row = waiting(journal, held(journal))
        journal.escalate(row.id, Told("escalated", "it leaked"))
        assert journal.events(row.id)[-1].kind == "escalated"
        taken = claimed(journal)
        assert (taken.id, taken.approved_by, taken.priority) == (row.id, None, Priority.EMERGENCY)

    def test_a_story_that_eight_tell_at_once_is_one_chain(self, journal: Journal, other: Journal) -> None:
        row = held(journal)
        handles = (journal, other)

        def tell(number: int) -> None:
            current = row
            for line in range(8):
                if number == 0:
                    current = journal.checkpoint(current, current, Told("noted", f"{line}"), release=False)
                else:
                    handles[number % 2].escalate(row.id, Told("escalated", f"{number} {line}"))

        at_once(tell)
        story = journal.events(row.id)
        assert [event.sequence for event in story] == list(range(1, 66))
        assert [event.previous_hash for event in story[1:]] == [event.hash for event in story[:-1]]
