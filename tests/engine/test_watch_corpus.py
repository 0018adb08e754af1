"""The labelled corpus, late and in any order: the watch tells what judging all of it at once tells.

But for versions: the watch knows from scans which one was the current one (test_watch_late.py), and here is no store.
"""

from __future__ import annotations

import random
from collections import Counter

import pytest

from rotator.contracts.trail import Delivery
from rotator.engine.access.replay import judge_all
from rotator.engine.watch import source_of
from rotator.engine.watch.starting import watched_deployments
from rotator.model.access import Access, AccessKind
from rotator.model.watch import Sighting
from rotator.trails.cloudtrail import access_of
from tests.access.compared import taly
from tests.access.corpus import STARTS, labelled
from tests.engine.things import DAY, HOUR, MINUTE
from tests.engine.watch_world import WatchedWorld

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # as many turns as it has records


@pytest.mark.parametrize("seed", range(3))
def test_the_corpus_in_any_order_is_told_as_if_it_had_come_at_once(watched: WatchedWorld, seed: int) -> None:
    accesses = [access for one in labelled() if (access := access_of(one.record))]
    begins(watched, accesses)
    random.Random(seed).shuffle(accesses)
    for number in range(0, len(accesses), 7):
        watched.trail.waits.append(Delivery(tuple(accesses[number : number + 7]), receipt=str(number)))
        watched.turn()
        watched.passes(3 * MINUTE)
    seen = {one.identity: one.times for one in watched.seen(unended=False)}
    wanted = at_once(watched, accesses)
    assert {name: times for name, times in seen.items() if name in wanted} == wanted
    extra = {one for one in seen.keys() - wanted if not one.startswith(AccessKind.OLD_VERSION_READ)}
    swept = {one.rpartition("arn:")[2] for one in wanted if one.startswith(AccessKind.BULK_READ)}
    assert {one.rpartition("arn:")[2] for one in extra} <= swept, "told of one environment, then of both"
    assert all(one.startswith(AccessKind.BULK_READ) for one in extra)


def begins(world: WatchedWorld, accesses: list[Access]) -> None:
    """All of it has happened, by people who were watched for long; nothing of it was delivered yet."""
    first, last = min(one.at for one in accesses), max(one.at for one in accesses)
    world.today = taly()
    assert world.today.access.source is not None
    world.passes(last + HOUR - world.clock.now())
    world.turn()
    watch = world.journal.watch(source_of(world.today.access.source))
    assert watch is not None
    long_ago = first - 9 * DAY
    known = dict.fromkeys(watched_deployments(world.today), long_ago)
    changes = {"starts_since": known, "named_since": long_ago}
    world.journal.note_watch(watch.model_copy(update=changes), "us")
    world.journal.note_starts(STARTS)


def at_once(world: WatchedWorld, accesses: list[Access]) -> Counter[str]:
    """How often each sighting would be seen, but for what rests on versions."""
    by_id = {one.event_id: one for one in accesses}
    found = judge_all(taly(), accesses, STARTS, world.journal.installation()).findings
    wanted = [one for one in found if one.kind is not AccessKind.OLD_VERSION_READ]
    return Counter(Sighting.of(one, by_id[one.event_id]).identity for one in wanted)
