"""guard(): the last look at the claim before an effect leaves the process.

A worker binds its claim to the context in which it runs a phase; adapters call `guard()` in the last hook before the
bytes leave (for AWS after signing), so no contract has to carry the claim through every signature.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

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


@contextmanager
def claimed(check: Callable[[float], None]) -> Iterator[None]:
    """Binds a claim: inside, `guard()` asks it."""
    token = _bound.set(check)
    try:
        yield
    finally:
        _bound.reset(token)
