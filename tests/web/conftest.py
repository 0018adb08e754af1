"""A small world whose figures are asked for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from functools import partial

import pytest

from rotator.journal import open_memory_journal
from rotator.testing.virtual_clock import VirtualClock
from rotator.web import looks, metrics
from rotator.web.kept import FoundAside
from tests.engine.things import NOW, policies, policy
from tests.engine.world import World


@pytest.fixture(scope="module", autouse=True)
def _patient() -> Iterator[None]:
    """Whoever asks waits until what is found aside is found: on a busy machine that takes longer than a moment."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(looks, "_MOMENT", 60.0)
        monkeypatch.setattr(metrics, "FoundAside", partial(FoundAside, moment=60.0))
        yield


@pytest.fixture
def world() -> Iterator[World]:
    clock = VirtualClock(NOW)
    with closing(open_memory_journal(now=clock.now)) as journal:
        yield World(clock, journal, policies(policy()))
        for thread in threading.enumerate():
            if thread.name == "figures":  # an audit is under way: a journal in memory must not close below it
                thread.join()
