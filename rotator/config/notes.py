"""Keys that are read and checked, and that nothing acts on yet: said, so that nobody relies on them."""

from __future__ import annotations

from collections.abc import Iterator

from rotator.config.complaints import Path
from rotator.config.draft import Draft

_NOT_YET = ("verify", "notify")


def note_not_yet(draft: Draft) -> None:
    """One note for each such key, where it is used first."""
    said: set[str | int] = set()
    for path in _used(draft):
        if path[-1] not in said:
            said.add(path[-1])
            draft.complaints.note(path, "is checked, but nothing acts on it yet")


def _used(draft: Draft) -> Iterator[Path]:
    for path, level in draft.levels.each():
        for key in _NOT_YET:
            if key in level.model_fields_set:
                yield (*path, key)
