"""Whether the journal can be written. While it cannot for long, people are told without it, and when it is over.

Every other alert lives in the journal, and so cannot tell of this. This one lives in the process: each replica tells
what it sees itself, once, under one identity.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from rotator.daemon.installation import Installation
from rotator.daemon.own_word import OwnWord
from rotator.journal.place import Place
from rotator.model.alerts import Alert, AlertKind, Severity
from rotator.model.errors import JournalAway

log = structlog.get_logger()

#: The smallest write there is, so that a disk without room shows: a slot of an account that nobody else has.
_ACCOUNT, _PER_SECOND, _LONGEST = "the journal itself", 1000.0, timedelta(days=1)


class JournalWatch:
    """One process's look at the journal. `name` is the process as its log calls it."""

    def __init__(self, parts: Installation, place: Place, patience: timedelta, name: str) -> None:
        self._parts, self._place, self._patience, self._name = parts, place, patience, name
        self._away_since: float | None = None
        self._word = OwnWord(parts)

    def look(self) -> None:
        """Writes a little. Raises JournalAway, after people were told if it has been so for longer than patience."""
        try:
            self._parts.journal.reserve(_ACCOUNT, _PER_SECOND, 1, _LONGEST)
        except JournalAway as away:
            self._away(str(away))
            raise
        self._back()

    def _away(self, sentence: str) -> None:
        now = self._parts.clock.monotonic()
        if self._away_since is None:
            self._away_since = now
        seconds = now - self._away_since
        if seconds < self._patience.total_seconds():
            return
        began = self._parts.clock.now() - timedelta(seconds=seconds)
        if self._word.so(self._alert(sentence, began)):
            log.error("people are told without the journal", trouble=sentence)

    def _back(self) -> None:
        self._away_since = None
        self._word.over()

    def _alert(self, sentence: str, began: datetime) -> Alert:
        return Alert(
            identity=AlertKind.JOURNAL_AWAY.value,
            kind=AlertKind.JOURNAL_AWAY,
            severity=Severity.CRITICAL,
            owner=self._parts.policies().default_owner,
            title="rotator's journal cannot be written",
            facts={
                "What": sentence,
                "Where": self._place.name,
                "Seen by": self._name,
                "Impact": "none yet: credentials in use work as before; nothing is rotated, and all other alerts wait",
                "Done": "nothing was begun since",
                "Next": "rotator tries again every few seconds, and goes on by itself where it stood",
            },
            action=f"see what keeps it away: {self._place.look}",
            opened_at=began,
        )
