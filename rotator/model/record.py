"""What proves that the record is whole: signed heads, and what is found when it is not."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple


class Head(NamedTuple):
    """One signed head over all chains: the n-th, its digest, and the mac over that.

    The mac is an empty envelope bound to the digest, which only the data key makes and opens; `data_key` is that key,
    wrapped by the sealer of its time.
    """

    number: int
    at: datetime
    digest: str
    mac: str
    data_key: str


class Broken(NamedTuple):
    """Something that is not as it was written. Where it is about a head, `rotation` is empty."""

    rotation: str
    sequence: int
    sentence: str
    unchecked: bool = False  # it may be: its key is another sealer's
