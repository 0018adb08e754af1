"""Keys that are read and checked, and that nothing acts on: said, so that nobody relies on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from rotator.config.complaints import Path
from rotator.config.draft import Draft
from rotator.config.precedence import Effective

_NOT_YET = "verify"


def note_not_yet(draft: Draft) -> None:
    """One note, where such a key is used first."""
    for path in islice(_used(draft), 1):
        draft.complaints.note(path, "is checked, but nothing acts on it yet")


def note_untold(draft: Draft, everything: Iterable[Effective]) -> None:
    """Where nobody outside verifies, no step waits, and so nobody is reminded to tell anybody."""
    said: set[Path] = set()
    for effective in everything:
        where = effective.origin(draft.complaints, "notify")
        if effective.rules.notify and effective.rules.consumers != "external" and where not in said:
            said.add(where)
            draft.complaints.note(
                where, "is for consumers: external; without it no step waits for anybody to be told"
            )


def _used(draft: Draft) -> Iterator[Path]:
    for path, level in draft.levels.each():
        if _NOT_YET in level.model_fields_set:
            yield (*path, _NOT_YET)
