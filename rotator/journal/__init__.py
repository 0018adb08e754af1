"""The journal on SQLite and PostgreSQL, from one definition: docs/decisions says why so."""

from rotator.journal.journal import MemoryJournal, SqlJournal, open_journal, open_memory_journal

__all__ = ["MemoryJournal", "SqlJournal", "open_journal", "open_memory_journal"]
