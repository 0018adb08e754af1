"""What a journal can count: how often each step was tried, how that went, and how long steps took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final, NamedTuple

from rotator.model.rotation import Phase

#: A step takes a second at a fast source, and weeks in grace.
DURATIONS: Final = tuple(
    timedelta(seconds=seconds)
    for seconds in (1, 5, 15, 60, 300, 900, 3600, 6 * 3600, 86_400, 7 * 86_400, 30 * 86_400)
)


class Durations(NamedTuple):
    """How long rotations stayed in one phase, waiting included; those that are still in it do not count."""

    phase: Phase
    times: int
    seconds: float  # of all of them together
    within: tuple[int, ...]  # for each of DURATIONS: how many took that long at most


class Tallies(NamedTuple):
    """Everything that was told, counted over all rotations that the journal holds."""

    told: Mapping[tuple[Phase, str], int]  # (phase that acted, kind of event) -> how often
    durations: Sequence[Durations]
