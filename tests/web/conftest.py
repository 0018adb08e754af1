"""A small world whose figures are asked for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from rotator.journal import open_memory_journal
from rotator.testing.virtual_clock import VirtualClock
from tests.engine.things import NOW, policies, policy
from tests.engine.world import World


@pytest.fixture
def world() -> Iterator[World]:
    clock = VirtualClock(NOW)
    with closing(open_memory_journal(now=clock.now)) as journal:
        yield World(clock, journal, policies(policy()))
        for thread in threading.enumerate():
            if thread.name == "figures":  # an audit is under way: a journal in memory must not close below it
                thread.join()
