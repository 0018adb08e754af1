"""`rotator submit` under test: the real verb, with the tripwire around what it does outside: sealing, and keeping.

CRASH_ORDERS is the folder of the rig's orders; arguments are those of `rotator`.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from functools import partial, wraps
from pathlib import Path
from typing import Any

import structlog

from rotator.cli.main import main as command_line
from rotator.journal import SqlJournal
from rotator.sealers.kms import Kms
from tests.crash.orders import Mailbox
from tests.crash.tripwire import Tripwire

#: Where its points stand in a trace, in the place of a rotation's phase.
PHASE = "submit"


def main() -> None:
    """The process."""
    structlog.contextvars.bind_contextvars(phase=PHASE)
    tripwire = Tripwire(Mailbox(Path(os.environ["CRASH_ORDERS"])), lambda _label: PHASE)
    _watch(Kms, "new_key", "sealer", tripwire)
    _watch(SqlJournal, "add_request", "journal", tripwire, freezes=True)
    command_line()


def _watch(owner: type, method: str, contract: str, tripwire: Tripwire, *, freezes: bool = False) -> None:
    """From now on its calls are points; with `freezes` it is an effect, too, right before which to freeze."""
    unwatched: Callable[..., Any] = getattr(owner, method)

    @wraps(unwatched)
    def watched(*given: Any) -> Any:
        call = partial(_frozen_first, tripwire, unwatched) if freezes else unwatched
        return tripwire.around(contract, method, given, partial(call, *given))

    setattr(owner, method, watched)


def _frozen_first(tripwire: Tripwire, call: Callable[..., Any], *given: Any) -> Any:
    if tripwire.guarded():
        os.kill(os.getpid(), signal.SIGSTOP)
    return call(*given)


if __name__ == "__main__":
    main()
