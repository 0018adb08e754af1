"""What the page and its JSON are made of: one look at the journal for all who watch, and what to say when it is old.

The journal is looked at by a thread of its own, at most every few seconds and for a twentieth of the time. A viewer
gets what was seen last, with when that was: a journal that is away takes the page away from nobody.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from rotator.contracts.clock import Clock
from rotator.contracts.journal import Journal
from rotator.engine.heartbeat import Process
from rotator.engine.report import SCHEMA_VERSION
from rotator.engine.report.overview import Overview, overview, overview_facts, secrets_facts
from rotator.engine.report.times import moment
from rotator.model.errors import JournalAway
from rotator.model.policy import Policies
from rotator.web.body import Body
from rotator.web.kept import FoundAside
from rotator.web.status_page import Asked, page

log = structlog.get_logger()

#: What two viewers ask within it is looked up once.
LOOKS: Final = timedelta(seconds=5)
_SHARE: Final = 1 / 20
#: A viewer waits so long for the first look; later ones get the one before.
_MOMENT: Final = 5.0
#: A look that is older says so.
OLD: Final = timedelta(minutes=2)
#: So many different pages of one look are kept.
_PAGES: Final = 64

Warnings = tuple[str, ...]

NO_ANSWER: Final = "The journal gives no answer: nothing new is known, and nothing is rotated meanwhile."
FAILED: Final = "Looking at the journal failed by a bug of rotator; its log says more."


@dataclass
class Look:
    """What was seen, or what was seen before and why there is nothing newer; and what was made of it so far."""

    seen: Overview | None
    at: datetime | None  # by this process's clock
    trouble: str = ""
    _made: dict[tuple[Asked | None, Warnings], Body] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def page(self, asked: Asked, warnings: Warnings) -> Body:
        """The page as HTML."""
        return self._once(asked, warnings, lambda: page(self.seen, asked, warnings))

    def document(self, warnings: Warnings) -> Body:
        """The same as JSON."""
        return self._once(None, warnings, lambda: _document(self.seen, warnings))

    def _once(self, asked: Asked | None, warnings: Warnings, make: Callable[[], Iterator[bytes]]) -> Body:
        """What was made of this look before, or what is made now: one at a time, and callers share it."""
        with self._lock:
            if (asked, warnings) not in self._made:
                if len(self._made) >= _PAGES:
                    self._made.clear()
                self._made[asked, warnings] = Body.of(make())
            return self._made[asked, warnings]


class Looks:
    """The newest look, for whoever asks."""

    def __init__(
        self, journal: Journal, policies: Callable[[], Policies], process: Callable[[], Process], clock: Clock
    ) -> None:
        """`process`: what its heartbeat knows of the process."""
        self._journal, self._policies, self._process = journal, policies, process
        self._clock = clock
        self._last = Look(None, None)
        self._aside = FoundAside(self._look, clock, LOOKS, _MOMENT, _SHARE)

    def page(self, asked: Asked) -> Body:
        """The page as HTML."""
        look, warnings = self._newest()
        return look.page(asked, warnings)

    def document(self) -> tuple[Body, bool]:
        """The same as JSON, and whether it is as new as it should be."""
        look, warnings = self._newest()
        return look.document(warnings), not warnings

    def _newest(self) -> tuple[Look, Warnings]:
        """The newest look, and what is to be said about how new it is."""
        look = self._aside.get() or self._last
        if look.at is None:
            return look, (look.trouble or "The first look at the journal takes its time; ask again.",)
        seen = f"What follows is as of {moment(look.at)}."
        if look.trouble:
            return look, (f"{look.trouble} {seen}",)
        if self._clock.now() - look.at > OLD:
            return look, (f"The last look at the journal is not finished. {seen}",)
        return look, ()

    def _look(self) -> Look:
        try:
            began = self._clock.now()
            self._last = Look(overview(self._journal, self._policies(), self._process()), began)
        except JournalAway:
            self._last = Look(self._last.seen, self._last.at, NO_ANSWER)
        except Exception as bug:  # noqa: BLE001 - the page says so, and shows what it knew
            log.error("bug", kind=type(bug).__name__, at="the status page")  # noqa: TRY400 - a trace may quote values
            self._last = Look(self._last.seen, self._last.at, FAILED)
        return self._last


def _document(seen: Overview | None, warnings: Warnings) -> Iterator[bytes]:
    """One object, secret by secret."""
    head = {"schema_version": SCHEMA_VERSION, "warnings": list(warnings)}
    if seen is None:
        yield _json(head)
        return
    yield _json({**head, **overview_facts(seen)}).removesuffix(b"}") + b',"secrets":['
    for number, facts in enumerate(secrets_facts(seen)):
        yield (b"," if number else b"") + _json(facts)
    yield b"]}"


def _json(facts: Mapping[str, Any]) -> bytes:
    return json.dumps(facts, separators=(",", ":")).encode()
