"""Where the daemon is killed: points are named by phase, contract, method and how often that was called there.

    store/store.write#1    the first write to the store in the phase `store`

The daemon under test wraps every contract with `Watched`, which tells the tripwire before and after each call. In
production nothing of this exists: the wrapping is done by the rig, around the adapters.
"""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import structlog

#: Calls that change or ask something outside. Pure questions about the adapter itself are no I/O.
WATCHED = {
    "provider": {
        "observe", "identify", "create", "activate", "verify", "disable", "enable", "remove", "last_used", "probe",
    },
    "store": {"read", "write", "check_writable"},
    "redeployer": {"redeploy", "progress"},
    "sealer": {"new_key", "open_key"},
    "journal": {"checkpoint", "join_rollout", "checkpoint_rollout"},
}  # fmt: skip


class Point(NamedTuple):
    """One place to kill at: `when` is before or after the call."""

    name: str
    when: str


@dataclass
class Tripwire:
    """Counts calls by name, writes them to a trace, and kills this process at the point it is armed for."""

    armed: Point | None
    trace: Path | None

    def __post_init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def around(self, contract: str, method: str, call: Callable[[], Any]) -> Any:
        """One call, with the tripwire before and after it."""
        context = structlog.contextvars.get_contextvars()
        phase = context.get("phase", "rollout" if contract == "redeployer" else "")
        if not phase and method != "checkpoint_rollout":
            return call()  # the scan's and the census's looks belong to no rotation
        self._seen[f"{phase}/{contract}.{method}"] += 1
        name = f"{phase}/{contract}.{method}#{self._seen[f'{phase}/{contract}.{method}']}"
        self._at(Point(name, "before"))
        answer = call()
        self._at(Point(name, "after"))
        return answer

    def _at(self, point: Point) -> None:
        if self.trace is not None and point.when == "before":
            with self.trace.open("a") as trace:
                trace.write(json.dumps(point.name) + "\n")
        if point == self.armed:
            os.kill(os.getpid(), signal.SIGKILL)


class Watched:
    """An adapter behind the tripwire; everything that is not watched goes straight through."""

    def __init__(self, contract: str, part: Any, tripwire: Tripwire) -> None:
        self._contract, self._part, self._tripwire = contract, part, tripwire

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._part, name)
        if name not in WATCHED.get(self._contract, ()):
            return attribute
        return lambda *given, **named: self._tripwire.around(
            self._contract, name, lambda: attribute(*given, **named)
        )
