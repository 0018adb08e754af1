"""A journal in memory is set back as a whole: lost, or restored from yesterday."""

from __future__ import annotations

import secrets
from contextlib import closing

from rotator.journal import MemoryJournal, open_memory_journal
from rotator.model.rotation import State
from rotator.sealers.envelope import EnvelopeKey
from rotator.testing.journal_contract.rows import ended, held, opened, waiting


def test_a_restored_journal_knows_what_it_knew_then_and_nothing_since(memory: MemoryJournal) -> None:
    ended(memory, "production/A", State.DONE)
    row = held(memory)
    yesterday = memory.snapshot()
    memory.checkpoint(row, row.model_copy(update={"state": State.DONE}), release=True)
    later = opened(memory)
    memory.restore(yesterday)
    assert memory.rotation(row.id) == row
    assert memory.rotation(later.id) is None
    assert memory.generation() == 1
    waiting(memory, row)
    memory.restore(yesterday)
    assert memory.rotation(row.id) == row


def test_a_reset_journal_is_as_new(memory: MemoryJournal) -> None:
    installation = memory.installation()
    for _ in range(3):
        ended(memory, "production/A", State.DONE)
        memory.sign_heads(EnvelopeKey(secrets.token_bytes(32), "wrapped", {}))
        memory.reset()
        assert memory.installation() == installation
        assert memory.generation() == 0
        assert memory.rotations() == []
        assert memory.verify_all() == []


def test_a_snapshot_may_be_taken_into_another_journal(memory: MemoryJournal) -> None:
    row = opened(memory)
    with closing(open_memory_journal()) as another:
        another.restore(memory.snapshot())
        assert another.installation() == memory.installation()
        assert another.rotation(row.id) == row
