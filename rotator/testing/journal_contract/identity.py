"""A journal knows who and when it is."""

# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

from datetime import UTC

from rotator.contracts.journal import Journal
from rotator.model.rotation import State
from rotator.testing.journal_contract.rows import KEY, ended


class IdentityContract:
    """Time and identity."""

    def test_it_is_a_journal(self, journal: Journal) -> None:
        assert isinstance(journal, Journal)

    def test_the_clock_is_in_utc_and_all_replicas_agree_on_it(self, journal: Journal, other: Journal) -> None:
        before, between, after = journal.now(), other.now(), journal.now()
        assert before.tzinfo is UTC
        assert before <= between <= after

    def test_the_id_of_this_installation_was_made_with_the_journal(
        self, journal: Journal, other: Journal
    ) -> None:
        assert journal.installation()
        assert journal.installation() == other.installation()

    def test_the_generation_is_how_many_rotations_were_brought_to_done(self, journal: Journal) -> None:
        assert journal.generation() == 0
        ended(journal, KEY, State.DONE)
        ended(journal, KEY, State.UNDONE)
        ended(journal, KEY, State.DONE)
        assert journal.generation() == 2
