"""Circles of names that each point at one other."""

from __future__ import annotations

from collections.abc import Mapping


def cycle(points_at: Mapping[str, str]) -> list[str]:
    """The first circle, its first name again at the end; empty when there is none."""
    clean: set[str] = set()
    for start in points_at:
        walked: list[str] = []
        here: str | None = start
        while here is not None and here not in clean:
            if here in walked:
                return [*walked[walked.index(here) :], here]
            walked.append(here)
            here = points_at.get(here)
        clean.update(walked)
    return []
