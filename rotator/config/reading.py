"""Reading a policy as this installation does: from its file, under its settings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rotator.config.complaints import Path as Place
from rotator.config.draft import Draft
from rotator.config.load import Loaded, load
from rotator.config.settings import Settings
from rotator.config.strict_yaml import MAX_BYTES


def read_policy(path: Path) -> str:
    """The file's text; bytes that are not UTF-8 become surrogates, which the loader complains about. Raises OSError."""
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1).decode(errors="surrogateescape")


#: Adapters that talk to Vault, whose address is no option of theirs.
_AT_VAULT = frozenset({"vault-kv2", "vault-database"})


def load_with(settings: Settings, text: str) -> Loaded:
    """A policy's text as this installation reads it, with what its settings do not say yet."""
    loaded = load(
        text,
        str(settings.policies),
        scale=settings.scale,
        redeployer=settings.redeployer,
        reference_prefixes=settings.reference_prefixes,
        allowed_hosts=settings.allowed_hosts,
        own_recipes=settings.own_recipes,
    )
    if loaded.draft is None or settings.endpoint("vault"):
        return loaded
    complaints = loaded.draft.complaints
    for place in _at_vault(loaded.draft):
        complaints.note(place, "settings do not say where Vault is; set ROTATOR_ENDPOINT_VAULT")
    return replace(loaded, complaints=complaints.all())


def _at_vault(draft: Draft) -> Iterator[Place]:
    """What cannot work before settings say where Vault is."""
    file = draft.file
    for name, environment in file.environments.items():
        if environment.store.kind in _AT_VAULT:
            yield "environments", name, "store"
    for name, kind in file.types.items():
        if kind.provider in _AT_VAULT:
            yield "types", name, "provider"
    for name, mirror in file.mirrors.items():
        if mirror.kind in _AT_VAULT:
            yield "mirrors", name
