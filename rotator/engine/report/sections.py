"""The sections of the status page: what needs somebody first, what needs nobody last."""

from __future__ import annotations

from enum import StrEnum

from rotator.engine.decisions import Decided
from rotator.engine.words import ASKS, WRONG, Word, soon, word_of
from rotator.model.policy import Mode


class Section(StrEnum):
    """In the order in which they are read."""

    FAILED = "failed"
    OVERDUE = "overdue"
    WAITING = "waiting"
    DUE_SOON = "due_soon"
    IN_GRACE = "in_grace"
    HEALTHY = "healthy"
    ASSISTED = "assisted"
    EXEMPT = "exempt"
    UNMANAGED = "unmanaged"

    @property
    def heading(self) -> str:
        """As a heading."""
        return self.value.replace("_", " ").capitalize()

    @property
    def tells(self) -> str:
        """What stands below it."""
        return _TELLS[self]


_TELLS = {
    Section.FAILED: "Stopped, going back, or tried again; or its parameters are missing or another installation's.",
    Section.OVERDUE: "Past their period, and nothing is under way.",
    Section.WAITING: "For a person, a window, a freeze, another environment, or a first look.",
    Section.DUE_SOON: "Due within the time of their warnings, due now, or being rotated.",
    Section.IN_GRACE: "Consumers use the new credential; the old one still works.",
    Section.HEALTHY: "Nothing to do.",
    Section.ASSISTED: "A person makes the credential, or rotates it; nothing to do yet.",
    Section.EXEMPT: "Excused by the policy until a date.",
    Section.UNMANAGED: "Parameters in the store that no policy speaks of.",
}
_OF_WORD = {
    **dict.fromkeys(WRONG, Section.FAILED),
    Word.OVERDUE: Section.OVERDUE,
    **dict.fromkeys(ASKS | {Word.WAITING, Word.PAUSED, Word.UNKNOWN}, Section.WAITING),
    **dict.fromkeys((Word.DUE, Word.ROTATING), Section.DUE_SOON),
    Word.GRACE: Section.IN_GRACE,
    Word.WATCHED: Section.ASSISTED,
    Word.EXEMPT: Section.EXEMPT,
}


def section_of(entry: Decided) -> Section:
    """Where a secret stands on the page."""
    word = word_of(entry)
    if word in _OF_WORD:
        return _OF_WORD[word]
    at = entry.gathered
    if at.policy.submitted or at.policy.mode is Mode.OBSERVE:
        return Section.ASSISTED
    return Section.DUE_SOON if soon(at) or at.past_due else Section.HEALTHY


def needs_somebody(entry: Decided) -> bool:
    """Whether it is worth waking somebody to look at it."""
    return word_of(entry) in WRONG | ASKS
