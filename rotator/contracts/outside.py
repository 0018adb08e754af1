"""Outside: whoever hears from us regularly that all is well, and calls people when he does not."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class Outside(Protocol):
    """A service beyond everything that can fail together with rotator; `reference` leads to its address, a secret."""

    def hear(self, reference: str) -> None:
        """Tells it that all is well, and nothing else: no name and no figure.

        Raises Transient when it did not hear, Refused for an address that it must not be told at. The address is in no
        message. Calls guard() before anything leaves.
        """
