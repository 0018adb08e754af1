"""How long ago environments were scanned: what is told of ages is as old as that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from rotator.engine.ages import spell
from rotator.model.observations import Surveyed
from rotator.model.policy import Policies

#: So many scans in a row must have been missed before anybody wonders.
_SCANS_MISSED = 3
_LEAST = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Scans:
    """The last scans of all environments; the one that waits longest counts."""

    oldest: datetime | None  # None: an environment was never scanned
    late: bool  # too many were missed
    held_up: bool  # a store does not answer, which is another trouble
    ago: str  # for people
    sentence: str  # the same, with what is wrong


def missed_after(scan_every: timedelta) -> timedelta:
    """How long after a scan too many have been missed."""
    return max(scan_every * _SCANS_MISSED, _LEAST)


def scans_of(
    surveyed: Mapping[str, Surveyed], policies: Policies, now: datetime, scan_every: timedelta
) -> Scans:
    """How the scans stand that `scan_every` wants."""
    found = [survey for name, survey in surveyed.items() if name in policies.environments]
    seen = [survey.scanned_at for survey in found if survey.digest]
    oldest = min(seen) if len(seen) == len(policies.environments) else None
    late = oldest is None or now - oldest > missed_after(scan_every)
    held_up = any(survey.trouble for survey in found)
    ago = "nothing has been scanned yet" if oldest is None else f"last scan {spell(now - oldest)} ago"
    wondering = late and oldest is not None and not held_up
    sentence = f"{ago}, although every {spell(scan_every)} is wanted" if wondering else ago
    return Scans(oldest, late, held_up, ago, sentence)
