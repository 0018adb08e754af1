"""A claim lasts while its owner renews it, and no longer."""

# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

from rotator.contracts.journal import Journal
from rotator.model.rotation import Phase
from rotator.testing.journal_contract.rows import (
    HOUR,
    MINUTE,
    NO_TIME,
    claimed,
    claimed_rollout,
    held,
    joined,
    opened,
    waiting,
)


class RenewalsContract:
    """Renewing claims."""

    def test_renew_prolongs_claims_and_returns_the_ids_that_are_still_ours(
        self, journal: Journal, other: Journal
    ) -> None:
        rotation = held(journal)
        joined(journal, rotation)
        rollout = claimed_rollout(journal)
        both = {rotation.id, rollout.id}
        assert journal.renew("one", both, both, HOUR) == both
        renewed, (again,) = other.rotation(rotation.id), other.rollouts([rollout.id])
        assert renewed is not None
        for row in (renewed, again):
            assert row.claim_until is not None
            assert row.claim_until > journal.now() + HOUR - MINUTE
        assert (renewed.fence, again.fence) == (rotation.fence, rollout.fence)
        assert waiting(journal, rotation).owner is None

    def test_renew_prolongs_what_was_named_only(self, journal: Journal) -> None:
        named, unnamed = held(journal), held(journal)
        assert journal.renew("one", [named.id, "unknown"], [], HOUR) == {named.id}
        assert journal.rotation(unnamed.id) == unnamed
        assert journal.renew("one", [], [], HOUR) == set()

    def test_renew_never_revives_a_claim_that_has_run_out(self, journal: Journal, other: Journal) -> None:
        lost = held(journal, lease=NO_TIME)
        assert journal.renew("one", [lost.id], [], HOUR) == set()
        assert claimed(other, owner="two").id == lost.id

    def test_renew_leaves_the_claims_of_others_alone(self, journal: Journal, other: Journal) -> None:
        theirs = held(journal)
        assert other.renew("two", [theirs.id], [], HOUR) == set()
        assert journal.rotation(theirs.id) == theirs

    def test_renew_leaves_released_rows_alone(self, journal: Journal) -> None:
        released = waiting(journal, held(journal))
        assert journal.renew("one", [released.id], [], HOUR) == set()
        journal.wake(released.id)
        assert claimed(journal, owner="two").id == released.id

    def test_a_renewed_claim_holds(self, journal: Journal, other: Journal) -> None:
        row = held(journal, lease=MINUTE)
        joined(journal, opened(journal, run_at=journal.now() + HOUR))
        rollout = claimed_rollout(journal)
        journal.renew("one", [row.id], [rollout.id], HOUR)
        assert other.claim_rotations("two", 9, Phase, MINUTE) == []
        assert other.claim_rollouts("two", 9, MINUTE) == []
