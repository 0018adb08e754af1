"""AccessLog: the part of the journal that knows who read what, until it is judged, and what came of it.

Everything in it has an end: records are forgotten a day after they were judged, starts after a few, sightings that are
over after they have been evidence for long enough. Every method raises JournalAway when the database gave no answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from rotator.contracts.redeployer import Start
from rotator.model.access import Access
from rotator.model.watch import Disposition, Sighting, Watch


class Seen(NamedTuple):
    """A sighting, and the event that was judged for it."""

    event_id: str
    sighting: Sighting


class KnownReads(NamedTuple):
    """Who has read what."""

    last: Mapping[tuple[str, str], datetime]  # (principal, secret) -> when, a day too early at most
    complete: bool  # False: there are more than are remembered


class AccessLog(Protocol):
    """Records on hold, starts, sightings, and how far the watch has looked."""

    def watch(self, source: str) -> Watch | None:
        """How far a source has been read; None before the first look."""

    def take_watch(self, source: str, owner: str, lease: timedelta) -> Watch | None:
        """Takes the source's turn, or keeps it for longer; None while somebody else has it."""

    def note_watch(self, watch: Watch, owner: str) -> None:
        """Writes how far it has been read. Raises LostClaim when the turn is no longer ours."""

    def note_accesses(self, accesses: Iterable[Access], hold: timedelta) -> int:
        """Keeps those that are not known by their event id, to be judged `hold` after they happened; how many."""

    def held_accesses(self, limit: int) -> Sequence[Access]:
        """Those whose hold is over and that nobody has judged, the oldest first."""

    def recent_accesses(
        self, principals: Iterable[str], since: datetime, until: datetime, limit: int
    ) -> Sequence[Access]:
        """What these principals did between two moments; of calls that ask for the same, the newest alone."""

    def later_accesses(
        self, principals: Iterable[str], after: datetime, until: datetime, limit: int
    ) -> Sequence[Access]:
        """What they did after one moment and up to another, of which each is judged already; the oldest first.

        Of calls that ask for the same, the oldest alone.
        """

    def hold_longer(self, event_ids: Iterable[str], hold: timedelta) -> None:
        """They are judged no sooner than `hold` from now."""

    def note_judged(
        self,
        event_ids: Iterable[str],
        seen: Iterable[Seen],
        reads: Mapping[tuple[str, str], datetime] | None = None,
    ) -> int:
        """They are judged, and this is what was seen: both or nothing, and each event once; how many were judged.

        `reads`, (principal, secret) -> when, are remembered beside it, as far as there is room.
        """

    def known_reads(self, principals: Iterable[str]) -> KnownReads:
        """What these have read, as far as it is remembered."""

    def note_starts(self, starts: Iterable[Start]) -> None:
        """Keeps starts; one that is known is known once."""

    def starts(self, since: datetime, until: datetime) -> Sequence[Start]:
        """Starts between two moments, both included, the oldest first."""

    def sightings(self, *, unended: bool = True) -> Sequence[Sighting]:
        """Sightings, those seen last first; `unended` keeps open ones."""

    def learned_sightings(self) -> Sequence[Sighting]:
        """What learning kept quiet and nobody has ended, those seen last first."""

    def end_sightings(self, identities: Iterable[str], disposition: Disposition, by: str = "") -> int:
        """Ends sightings that are open or learned; how many were."""

    def forget_accesses(
        self, records: timedelta, starts: timedelta, sightings: timedelta, reads: timedelta
    ) -> None:
        """Forgets records that were judged so long ago, starts, sightings that ended so long ago, and known reads."""
