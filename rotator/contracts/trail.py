"""Trail: where AWS's own records of who called what come from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from rotator.model.access import Access


@dataclass(frozen=True, slots=True)
class Delivery:
    """What arrived in one piece: a message, a page, a part of a log file.

    `receipt` is the trail's own word for it, and means nothing to anybody else. `progress` is where to go on after it,
    for a trail whose source does not remember that itself; empty for one that does.
    """

    accesses: tuple[Access, ...]
    malformed: tuple[
        str, ...
    ] = ()  # a sentence for each record that could not be understood; never its content
    receipt: str = ""
    progress: str = ""


@runtime_checkable
class Trail(Protocol):
    """One source of records.

    Every record is delivered at least once, in any order, until it is forgotten: also after a crash, and also after
    a lost answer. A record that nobody understands is told and does not hold up the others. What a trail holds in
    memory has a bound, whatever waits at its source.
    """

    def poll(self, progress: str) -> Iterator[Delivery]:
        """What has arrived, and ends when nothing more waits; `progress` is the last one that was recorded, or empty.

        Raises Transient when the source is away or says "later", and Refused when it will never answer us as we ask.
        Nothing else.
        """

    def forget(self, delivery: Delivery) -> None:
        """It is recorded: the source need not deliver it again. Twice is once.

        Raises Transient and Refused as poll does; the delivery then comes again.
        """
