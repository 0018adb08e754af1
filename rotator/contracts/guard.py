"""guard(): the last look at the claim before an effect leaves the process.

A worker binds its claim to the context in which it runs a phase; adapters call `guard()` in the last hook before the
bytes leave (for AWS after signing), so no contract has to carry the claim through every signature.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar

from rotator.model.errors import LostClaim

#: Every call to the outside ends within this many seconds in total.
CALL_SECONDS = 10.0
#: A minting call may take a little longer; it is never retried blindly.
MINT_SECONDS = 15.0

_bound: ContextVar[Callable[[float], None] | None] = ContextVar("bound_claim", default=None)


def guard(seconds: float = CALL_SECONDS) -> None:
    """Raises LostClaim unless the claim of the running phase outlives a call of `seconds`.

    Outside a phase (the command line, the owner's heartbeat) there is no claim to check.
    """
    check = _bound.get()
    if check is not None:
        check(seconds)


def outlived(*seconds: float) -> float:
    """The first of these that the claim outlives, or the last: how long an answer may be waited for."""
    for one in seconds[:-1]:
        with suppress(LostClaim):
            guard(one)
            return one
    return seconds[-1]


@contextmanager
def claimed(check: Callable[[float], None]) -> Iterator[None]:
    """Binds a claim: inside, `guard()` asks it."""
    token = _bound.set(check)
    try:
        yield
    finally:
        _bound.reset(token)
