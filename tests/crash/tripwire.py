"""Where the daemon is killed: points are named by phase, contract, method and how often that was called there.

    store/store.write#1                    the first write to the store in the phase `store`
    store/journal.checkpoint.advanced#1    the commit of what that phase answered, and the kind of event that it tells
    rollout.undo/redeployer.redeploy#1     calls for a rollout stand under its purpose
    request/journal.open_rotations#1       before the first phase

The daemon under test wraps every contract with `Watched`, which tells the tripwire before and after each call. In
production nothing of this exists: the wrapping is done by the rig, around the adapters. What the journal is only
asked for is no point: nothing happens between that and the next one.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import structlog

from rotator.contracts.journal import Told
from rotator.model.rotation import RolloutRow, Rotation
from tests.crash.made import Made
from tests.crash.orders import Mailbox, Order, Point

#: Calls that change or ask something outside. Pure questions about the adapter itself are no I/O.
WATCHED = {
    "provider": {
        "observe", "identify", "create", "activate", "verify", "disable", "enable", "remove", "promote", "last_used",
        "probe",
    },
    "store": {"read", "look", "write", "edit", "check_writable"},
    "mirror": {"write", "stale"},
    "redeployer": {"redeploy", "progress", "starts"},
    "sealer": {"new_key", "open_key"},
    "journal": {"open_rotations", "checkpoint", "join_rollout", "start_rollout", "checkpoint_rollout"},
}  # fmt: skip
#: How the name of an effect goes on after that of its call.
EFFECT = "/effect"
#: The sources of the rig list within that what is new; minutes, as their adapters allow, would only be waited for.
LISTED_WITHIN = timedelta(seconds=1)
#: Kinds of commits that only say that nothing has come yet: how many there are is chance.
_WAITING = ("waits", "retries", "polls")
#: Calls that may be made again until something has come, or by two at once, and how many are sure to be made.
_SURE = {
    "journal.open_rotations": 1, "redeployer.progress": 1, "provider.activate": 1,
    "provider.verify": 2, "provider.probe": 2, "provider.last_used": 1,
    # What is looked for several times in a row: between two looks the rotation waits, or it does not.
    "verify/sealer.open_key": 2,
    "quarantine/provider.verify": 1, "quarantine/sealer.open_key": 1,
    "prove/sealer.open_key": 1, "disprove/sealer.open_key": 1,
}  # fmt: skip


class Tripwire:
    """Counts calls by name, writes them down, and kills or freezes this process where it is ordered to."""

    def __init__(self, mailbox: Mailbox, purpose_of: Callable[[str], str]) -> None:
        """`purpose_of` says what a rollout is for, by its label."""
        self._mailbox, self._purpose_of = mailbox, purpose_of
        self._order = Order()
        self._seen: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._here = threading.local()

    def around(self, contract: str, method: str, given: Sequence[Any], call: Callable[[], Any]) -> Any:
        """One call, with the tripwire before and after it."""
        place = self._place(contract, method, given)
        if not place:
            return call()  # the scan's and the census's looks belong to no rotation
        name = self._numbered(place)
        self._mailbox.passed(name)
        self._at(Point(name, "before"))
        outer, self._here.call = self._call, name
        try:
            return call()
        finally:
            self._here.call = outer
            self._at(Point(name, "after"))  # also where it raised: the effect may have happened

    def guarded(self) -> bool:
        """guard() has just let an effect of this thread's call pass. Whether the process freezes now."""
        if not self._call:
            return False
        effect = self._numbered(f"{self._call}{EFFECT}")
        self._mailbox.passed(effect)
        return effect == self._order.freeze

    @property
    def _call(self) -> str:
        """The watched call that this thread is in; adapters make calls of others, as for a reference."""
        return getattr(self._here, "call", "")

    def _place(self, contract: str, method: str, given: Sequence[Any]) -> str:
        """Phase and call; empty for what belongs to no rotation."""
        call = f"{contract}.{method}"
        match call:
            case "journal.open_rotations":
                return f"request/{call}"
            case "journal.checkpoint":
                rotation, _, *told = given
                return f"{_acted(rotation, told)}/{call}.{told[0].kind if told else 'polls'}"
            case "journal.start_rollout":
                return f"rollout.{given[0].purpose}/{call}"
            case "journal.checkpoint_rollout":
                return f"rollout.{given[0].purpose}/{call}.{_became(*given)}"
            case "redeployer.redeploy" | "redeployer.progress":
                return f"rollout.{self._purpose_of(given[0])}/{call}"
            case _:
                phase = structlog.contextvars.get_contextvars().get("phase", "")
                return f"{phase}/{call}" if phase else ""

    def _numbered(self, place: str) -> str:
        """The place, and how often this order has met it."""
        with self._lock:
            order = self._mailbox.newest()
            if order is not None:
                self._order = order
                self._seen.clear()
                self._mailbox.imported([*sys.modules])
            self._seen[place] += 1
            return f"{place}#{self._seen[place]}"

    def _at(self, point: Point) -> None:
        if point == self._order.kill:
            os.kill(os.getpid(), signal.SIGKILL)


class Watched:
    """An adapter behind the tripwire; everything that is not watched goes straight through."""

    def __init__(self, contract: str, part: Any, tripwire: Tripwire, made: Made) -> None:
        self._contract, self._part, self._tripwire, self._made = contract, part, tripwire, made

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._part, name)
        if (self._contract, name) == ("provider", "traits"):
            return replace(attribute, listing=min(attribute.listing, LISTED_WITHIN))
        if name not in WATCHED.get(self._contract, ()):
            return attribute
        if (self._contract, name) == ("provider", "create"):
            attribute = self._made.noting(attribute)
        return lambda *given, **named: self._tripwire.around(
            self._contract, name, given, partial(attribute, *given, **named)
        )


def is_poll(name: str) -> bool:
    """Whether a point is a look at what is on its way, which another rotation may take less often."""
    phase, call, *_ = name.split("/")
    call, _, number = call.partition("#")
    sure = _SURE.get(f"{phase}/{call}", _SURE.get(call, int(number)))
    return call.endswith(_WAITING) or int(number) > sure


def _acted(rotation: Rotation, told: Sequence[Told]) -> str:
    """The phase whose answer is committed: phases with nothing to do leave no commit of their own."""
    return (told[0].phase if told else None) or rotation.phase


def _became(row: RolloutRow, changed: RolloutRow) -> str:
    return "polls" if changed.state is row.state else changed.state
