"""The journal on SQLite and PostgreSQL, from one definition: docs/decisions says why so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rotator.journal.journal import MemoryJournal, SqlJournal, open_journal, open_memory_journal

__all__ = ["MemoryJournal", "SqlJournal", "open_journal", "open_memory_journal"]


def __getattr__(name: str) -> Any:
    """Loaded when it is asked for: whoever only looks (view.py) does without SQLAlchemy."""
    if name not in __all__:
        raise AttributeError(name)
    from rotator.journal import journal  # noqa: PLC0415 - see above

    return getattr(journal, name)
