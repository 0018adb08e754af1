"""Restarts in order: in some worlds, where a rotation restarts two workloads, one goes `after` the other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rotator.model.policy import Recipe
from rotator.model.rotation import RolloutRow, RolloutState, Rotation
from tests.simulation.faults import share
from tests.simulation.shape import Shape
from tests.simulation.violation import Violated

if TYPE_CHECKING:
    from tests.simulation.world import World

_IN_SO_MANY_WORLDS = 0.1


def arrange(shape: Shape, seed: int) -> None:
    """`worker` is restarted after `api`, whatever they share."""
    if share(seed, 65) >= _IN_SO_MANY_WORLDS:
        return
    for drawn in shape.secrets.values():
        drawn.policy = drawn.policy.model_copy(update={"recipe": _in_order(drawn.policy.recipe)})
    shape.write_down()


def begins(world: World, workload: str, label: str) -> None:
    """A rollout begins: those of the same rotations that go before it are done."""
    for row in world.database.rollouts([label]):
        for member in row.members:
            rotation = world.database.rotation(member)
            ahead = list(_ahead(world, row, rotation)) if rotation else []
            late = next((one for one in ahead if one.state is not RolloutState.DONE), None)
            if late is not None:
                raise Violated(
                    "in order", f"{workload} is restarted for {member}, and {late.workload} is {late.state}"
                )


def _ahead(world: World, row: RolloutRow, rotation: Rotation) -> Iterable[RolloutRow]:
    first = {name for one in rotation.recipe.deployments if one.id == row.workload for name in one.after}
    joined = rotation.ledger.rollouts.get(row.purpose.value) or () if first else ()
    return (one for one in world.database.rollouts(joined) if one.workload in first)


def _in_order(recipe: Recipe) -> Recipe:
    api = f"{recipe.environment}/api"
    deployments = tuple(
        one if one.id == api else one.model_copy(update={"after": (api,)}) for one in recipe.deployments
    )
    return recipe.model_copy(update={"deployments": deployments})
