"""Recipes for providers under test."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from rotator.model.policy import Recipe


def recipe_for(name: str, provider: str, **more: Any) -> Recipe:
    """A secret of staging; its fields are parameters below /taly/staging."""
    fields = more.pop("fields", {"value": name})
    return Recipe(
        secret=f"staging/{name}",
        environment="staging",
        provider=provider,
        fields={field: f"/taly/staging/{parameter}" for field, parameter in fields.items()},
        **{"grace": timedelta(days=1), **more},
    )
