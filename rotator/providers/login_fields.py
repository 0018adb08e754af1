"""How consumers read a login: as one parameter that holds all of it, or as one for each half."""

from __future__ import annotations

from collections.abc import Collection


def wrong_fields(fields: Collection[str], name: str, secret: str) -> list[str]:
    """The complaint about fields that are neither `value` nor these two; empty where they are."""
    if set(fields) in ({"value"}, {name, secret}):
        return []
    return [f"fields must be one parameter (value) or two ({name} and {secret})"]
