"""Keys that are read and checked, and that nothing acts on: said, so that nobody relies on them."""

from __future__ import annotations

from collections.abc import Iterable

from rotator.config.draft import Draft
from rotator.config.precedence import Effective

_NOT_YET = "verify"


def note_not_yet(draft: Draft) -> None:
    """One note, where it is used first."""
    for path, level in draft.levels.each():
        if _NOT_YET in level.model_fields_set:
            draft.complaints.note((*path, _NOT_YET), "is checked, but nothing acts on it yet")
            return


def note_untold(draft: Draft, everything: Iterable[Effective]) -> None:
    """Where nobody outside verifies, no step waits, and so nobody is reminded to tell anybody."""
    for effective in everything:
        if effective.rules.notify and effective.rules.consumers != "external":
            where = effective.origin(draft.complaints, "notify")
            draft.complaints.note(
                where, "is for consumers: external; without it no step waits for anybody to be told"
            )
