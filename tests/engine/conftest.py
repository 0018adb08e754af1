"""One journal in memory for all tests of a worker, emptied before each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime

import pytest

from rotator.journal import MemoryJournal, open_memory_journal
from rotator.testing.virtual_clock import VirtualClock
from tests.engine.things import NOW, policies, policy
from tests.engine.watch_world import WatchedWorld
from tests.engine.world import World

_CLOCK = [VirtualClock(NOW)]


def _now() -> datetime:
    return _CLOCK[-1].now()


@pytest.fixture(scope="session")
def kept_journal() -> Iterator[MemoryJournal]:
    with closing(open_memory_journal(now=_now)) as journal:
        yield journal


@pytest.fixture
def world(kept_journal: MemoryJournal) -> World:
    _CLOCK.append(VirtualClock(NOW))
    kept_journal.reset()
    return World(_CLOCK[-1], kept_journal, policies(policy()))


@pytest.fixture
def watched(kept_journal: MemoryJournal) -> WatchedWorld:
    _CLOCK.append(VirtualClock(NOW))
    kept_journal.reset()
    return WatchedWorld(_CLOCK[-1], kept_journal, policies())
