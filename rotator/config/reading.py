"""Reading a policy as this installation does: from its file, under its settings."""

from __future__ import annotations

from pathlib import Path

from rotator.config.load import Loaded, load
from rotator.config.settings import Settings
from rotator.config.strict_yaml import MAX_BYTES


def read_policy(path: Path) -> str:
    """The file's text; bytes that are not UTF-8 become surrogates, which the loader complains about. Raises OSError."""
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1).decode(errors="surrogateescape")


def load_with(settings: Settings, text: str) -> Loaded:
    """A policy's text as this installation reads it."""
    return load(
        text,
        str(settings.policies),
        scale=settings.scale,
        redeployer=settings.redeployer,
        reference_prefixes=settings.reference_prefixes,
        allowed_hosts=settings.allowed_hosts,
        own_recipes=settings.own_recipes,
    )
