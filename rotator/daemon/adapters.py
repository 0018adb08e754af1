"""Adapters by name: entry points, imported on first use, so that an idle daemon loads no SDK that it does not need."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from typing import Any

from rotator.model.errors import Refused


@cache
def adapter(kind: str, name: str) -> Any:
    """The class that the entry-point group `rotator.<kind>` holds under `name`. Raises Refused when there is none."""
    found = entry_points(group=f"rotator.{kind}", name=name)
    if not found:
        there = ", ".join(sorted(point.name for point in entry_points(group=f"rotator.{kind}")))
        raise Refused(
            f"there is no adapter '{name}' among the {kind} ({there}); install the package that has it"
        )
    return next(iter(found)).load()
