"""A sealer for whoever writes a journal: it remembers what it sealed, and its texts are names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rotator.model.secrets import Sealed


class Noted:
    """Values stay with it; what is kept in the journal says only which."""

    def __init__(self) -> None:
        self.keys: dict[str, Mapping[str, str]] = {}
        self.texts: dict[str, tuple[str, Mapping[str, Sealed], str]] = {}

    def new_key(self, context: Mapping[str, str]) -> NotedKey:
        """Another name."""
        name = f"key {len(self.keys) + 1}"
        self.keys[name] = dict(context)
        return NotedKey(self, name)

    def open_key(self, wrapped: str, context: Mapping[str, str]) -> NotedKey:
        """The key of that name."""
        assert self.keys[wrapped] == context
        return NotedKey(self, wrapped)


@dataclass(frozen=True)
class NotedKey:
    """One of its keys."""

    noted: Noted
    wrapped: str

    def seal(self, fields: Mapping[str, Sealed], bound_to: str) -> str:
        """Another name."""
        name = f"text {len(self.noted.texts) + 1}"
        self.noted.texts[name] = self.wrapped, dict(fields), bound_to
        return name

    def open(self, sealed: str, bound_to: str) -> Mapping[str, Sealed]:
        """What that name stands for."""
        key, fields, bound = self.noted.texts[sealed]
        assert (key, bound) == (self.wrapped, bound_to)
        return fields
