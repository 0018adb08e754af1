"""A resolved policy as the journal keeps it."""

from __future__ import annotations

from pydantic import ValidationError

from rotator.model.policy import Policies


def read_resolved(kept: str | None) -> Policies | None:
    """The policies in a row; None where another version wrote a shape that this one does not know, or none."""
    if kept is None:
        return None
    try:
        return Policies.model_validate_json(kept)
    except ValidationError:
        return None
