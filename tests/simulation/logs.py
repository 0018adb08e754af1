"""What the engine logs while it is simulated: searched for values, and kept for the story of a failing run."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import structlog

from tests.simulation.gate import Surprise
from tests.simulation.violation import Violated

if TYPE_CHECKING:
    from tests.simulation.database import SimDatabase
    from tests.simulation.world import World

_worlds: list[World] = []


def _watch(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if _worlds:
        world = _worlds[-1]
        world.seen_by_people(str(event))
        if event.get("event") == "undeclared exception" and event.get("kind") != Surprise.__name__:
            raise Violated("no surprises", f"{event}\n{traceback.format_exc()}")
    raise structlog.DropEvent


@contextmanager
def watched(world: World) -> Iterator[None]:
    """Every log line inside is read.

    Loggers are not cached and the configuration is put back: what a process tests afterwards captures lines of its own.
    """
    before = structlog.get_config()
    structlog.configure(processors=[_watch], cache_logger_on_first_use=False)
    _worlds.append(world)
    try:
        yield
    finally:
        _worlds.pop()
        structlog.configure(**before)


def story(world: World, database: SimDatabase) -> list[str]:
    """What a person who looks into a failing run wants to see."""
    lines = [f"at {world.now:.0f} s"]
    for rotation in reversed(database.rotations()):
        lines.append(
            f"{rotation.id} {rotation.secret} {rotation.phase} {rotation.state} {rotation.reason} "
            f"{rotation.sentence!r} run_at={rotation.run_at:%d %H:%M:%S} fence={rotation.fence} owner={rotation.owner}"
        )
        lines.append(f"    {rotation.ledger.model_dump(mode='json', exclude_defaults=True)}")
        lines += _collapsed([f"    {told.kind}: {told.sentence}" for told in database.tale(rotation.id)])
    for secret, source in world.sources.items():
        lines.append(f"{secret} {source.traits!r} slots={source.slots}")
        lines += [f"    {held!r}" for held in source.held.values()]
        lines.append(f"    store: {world.current(secret)}")
    for workload in world.workloads.values():
        lines.append(f"{workload.id} reports={workload.reports} {list(workload.rollouts.values())!r}")
        lines += [f"    {instance!r}" for instance in workload.instances]
    return lines


def _collapsed(lines: list[str]) -> list[str]:
    """Repetitions left out."""
    return [line for at, line in enumerate(lines) if line not in lines[max(0, at - 3) : at]]
