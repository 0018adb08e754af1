"""Sealer: gives data keys that only the outside (KMS, a key file) can open again.

Sealing itself never needs the network: a rotation opens its data key before it mints, so trouble with KMS stops it
before the mint, never after.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from rotator.model.secrets import Sealed


@runtime_checkable
class DataKey(Protocol):
    """An opened data key, in memory only."""

    @property
    def wrapped(self) -> str:
        """The text to keep in the row; useless without the sealer."""

    def seal(self, fields: Mapping[str, Sealed], bound_to: str) -> str:
        """Text that only this key opens, and only together with `bound_to` (AES-256-GCM, AAD)."""

    def open(self, sealed: str, bound_to: str) -> Mapping[str, Sealed]:
        """The fields again. Raises Refused when key, text or `bound_to` do not belong together."""


@runtime_checkable
class Sealer(Protocol):
    """Where data keys come from."""

    def new_key(self, context: Mapping[str, str]) -> DataKey:
        """A new data key bound to `context`. Raises Transient or Refused."""

    def open_key(self, wrapped: str, context: Mapping[str, str]) -> DataKey:
        """The data key again. May be answered from memory for a short while. Raises Transient or Refused."""
