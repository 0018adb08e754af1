"""The record proves itself: chains by their hashes, and all of them by signed heads."""

# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

import secrets

from rotator.contracts.journal import Journal
from rotator.contracts.sealer import DataKey
from rotator.model.rotation import State
from rotator.sealers.envelope import EnvelopeKey
from rotator.testing.journal_contract.rows import KEY, ended, opened


def a_key() -> DataKey:
    """An opened data key."""
    return EnvelopeKey(secrets.token_bytes(32), f"wrapped {secrets.token_hex(8)}", {})


class ProofsContract:
    """Signing and verifying."""

    def test_a_new_journal_has_nothing_to_sign_and_no_head(self, journal: Journal) -> None:
        assert not journal.unsigned()
        assert journal.newest_head() is None
        assert journal.verify_all() == []

    def test_events_are_unsigned_until_a_head_covers_them(self, journal: Journal, other: Journal) -> None:
        opened(journal)
        assert other.unsigned()
        journal.sign_heads(a_key())
        assert not other.unsigned()
        ended(journal, KEY, State.DONE)
        assert other.unsigned()

    def test_each_head_follows_the_one_before_and_keeps_its_wrapped_key(
        self, journal: Journal, other: Journal
    ) -> None:
        keys = [a_key(), a_key()]
        for number, key in enumerate(keys, start=1):
            opened(journal)
            head = journal.sign_heads(key)
            assert (head.number, head.data_key) == (number, key.wrapped)
            assert key.open(head.mac, head.digest) == {}
            assert other.newest_head() == head
        assert journal.verify_all({key.wrapped: key for key in keys}.__getitem__) == []

    def test_a_head_that_was_signed_with_another_key_is_found(self, journal: Journal) -> None:
        opened(journal)
        journal.sign_heads(a_key())
        another = a_key()
        (broken,) = journal.verify_all(lambda _wrapped: another)
        assert broken.sentence == "head 1 was not signed by us"

    def test_a_story_that_is_as_it_was_written_verifies(self, journal: Journal) -> None:
        done = ended(journal, KEY, State.DONE)
        assert journal.verify_chain(done.id) == []
        assert journal.verify_chain("unknown") == []
