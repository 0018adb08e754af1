"""One document: in some worlds one secret more, whose fields are keys of a JSON object in one parameter.

Beside them stands a note of somebody else, who edits it now and then: that is no drift, and rotator never takes it
back. Drawn apart from the rest, so that a seed without it means the world that it always meant.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from rotator.contracts.provider import Overlap
from rotator.model.policy import Recipe, SecretPolicy
from tests.simulation.faults import share
from tests.simulation.one_more import draw_policy, join
from tests.simulation.schedule import HOUR
from tests.simulation.shape import Shape, draw_traits
from tests.simulation.violation import Violated

if TYPE_CHECKING:
    from tests.simulation.store import Parameter
    from tests.simulation.world import World

NAME = "J0"
NOTE = "note"
_IN_SO_MANY_WORLDS = 0.1


def add(shape: Shape, seed: int) -> None:
    """One secret more, in the environment that goes last."""
    if share(seed, 66) >= _IN_SO_MANY_WORLDS:
        return
    random = Random(seed ^ 0x150D)
    kind = random.choice(("none", "pair", "many", "many"))
    traits = replace(draw_traits(random, kind), verified=False)
    policy = draw_policy(
        shape,
        random,
        NAME,
        kind,
        ("sid", "secret"),
        one_parameter=True,
        accept_unseen=True,
        accept_gap=traits.overlap is Overlap.NONE,
    )
    slots = {Overlap.NONE: 1, Overlap.PAIR: 2, Overlap.MANY: None}[traits.overlap]
    join(shape, random, policy, traits, slots, names_credentials=True)


def plan_edits(world: World, seed: int) -> None:
    """Somebody edits the note a few times, on hostile days and on calm ones."""
    random = Random(seed ^ 0x150E)
    ends = world.shape.hostile_for + world.shape.calm_for - 2 * HOUR
    for drawn in world.shape.secrets.values():
        if drawn.policy.recipe.one_parameter:
            for number in range(random.choice((0, 1, 3))):
                world.schedule.at(random.uniform(0, ends), partial(_edit, world, drawn.policy, number))


def text(values: Mapping[str, str], there: str | None = None) -> str:
    """The document with these fields; what stands beside them stays."""
    return json.dumps({**(_read(there) if there is not None else {NOTE: "mind the gap"}), **values})


def values(recipe: Recipe, document: str) -> dict[str, str] | None:
    """The fields; None where somebody broke it."""
    read = _read(document)
    return {field: read[field] for field in recipe.fields} if read.keys() >= recipe.fields.keys() else None


def put(name: str, written: str, there: Parameter) -> None:
    """rotator writes over what it looked at: what is somebody else's stays as it is."""
    if _read(written).get(NOTE) != _read(there.value).get(NOTE):
        raise Violated("P3 nothing of others touched", f"{name} had another note beside the fields")


def _edit(world: World, policy: SecretPolicy, number: int) -> None:
    (name,) = policy.recipe.parameters
    store = world.stores[policy.environment]
    read = _read(store.by_name[name].value)
    if read:
        world.promises.touched.add(name)
        store.put(name, json.dumps({**read, NOTE: f"edited {number}"}), world.now, "somebody")


def _read(document: str) -> dict[str, str]:
    try:
        read = json.loads(document)
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}
