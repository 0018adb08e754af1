"""SecretStore: where consumers read. Every change that consumers can see is one write of one parameter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Protocol, runtime_checkable

from rotator.model.secrets import Owner, ParameterAge, Sealed, StoredValue

#: Parameter name -> what it holds.
Look = Mapping[str, StoredValue]
#: The value to write, from what is there.
Change = Callable[[Look], Sealed]


@runtime_checkable
class SecretStore(Protocol):
    """The parameters of one environment."""

    def ages(self, prefix: str) -> Iterator[ParameterAge]:
        """Metadata of every parameter below `prefix`. Never decrypts, never reads a value."""

    def read(self, name: str) -> StoredValue:
        """The value and its version. Raises Refused when there is no such parameter."""

    def look(self, names: Iterable[str]) -> Look:
        """Those of the parameters that exist, at one moment: one call for all of them."""

    def write(self, name: str, value: Sealed, after: int | None) -> int:
        """Writes the value as the version after `after` (None: the parameter must not exist) and returns its version.

        A repeated write of our own value, already at after+1, has succeeded; also when it stands there more than
        once and nothing else since `after`, because a worker of ours that woke late wrote it again: then the newest
        version is returned. Raises Drifted when somebody else came between and nothing was written; Raced when
        somebody came between and ours is in place; Refused when the value does not fit (size, type) or the store
        will not take it. Metadata (key, tier, description) is carried along.
        """

    def edit(self, name: str, change: Change, beside: Iterable[str] = ()) -> int:
        """Writes what `change` makes of one look at `name` and those beside it; returns the version that is there.

        Nothing is written where that is what is there. What `change` raises goes on. Raises Refused when one of them
        is missing, else as write() does.
        """

    def check_writable(self, name: str, largest: int) -> None:
        """Raises Refused when a value of `largest` bytes could not be written to `name`. Writes nothing."""

    def owner(self, path: str) -> Owner | None:
        """Who owns the environment below `path`, by its owner parameter; None when nobody has claimed it."""

    def claim_owner(self, path: str, owner: Owner, instead_of: Owner | None) -> None:
        """Writes the owner parameter. Raises ForeignOwner when the one there is not `instead_of` any more."""


@runtime_checkable
class Mirror(Protocol):
    """A write-only or second copy of a value."""

    def write(self, name: str, value: Sealed) -> None:
        """Writes the value; whoever reads the copy sees no change where it is the same value again."""

    def stale(self, name: str, since: datetime) -> bool | None:
        """Whether the copy was last written before `since`, or is not there; None when the mirror cannot tell.

        Asked before the way back closes, where nothing is to be written yet: whether the place answers. So it raises
        Transient and Refused as write() would, as far as that shows without writing, also where it answers None.
        """
