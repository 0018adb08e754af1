"""One secret more than a world was drawn with, in the environment that goes last.

Everything about it comes from a stream of its own, so that a seed without it means the world that it always meant.
"""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

from rotator.contracts.provider import Traits
from rotator.model.policy import Deployment, Recipe, SecretPolicy
from tests.simulation.calendars import Calendar
from tests.simulation.shape import SecretShape, Shape


def draw_policy(
    shape: Shape,
    random: Random,
    name: str,
    kind: str,
    fields: tuple[str, ...],
    *,
    submitted: bool = False,
    **more: Any,
) -> SecretPolicy:
    """What policies.yaml says of it. All `fields` are in one parameter; `more` of the recipe."""
    environment = list(shape.policies.environments)[-1]
    workloads = [one for one in shape.reports if one.startswith(f"{environment}/")]
    recipe = Recipe(
        secret=f"{environment}/{name}",
        environment=environment,
        provider=f"{kind}-{name}",
        fields=dict.fromkeys(fields, f"/taly/{environment}/{name}"),
        deployments=tuple(
            Deployment(id=one, kind="sim", target=one.partition("/")[2], timeout=timedelta(minutes=10))
            for one in workloads[: random.choice((1, 2))]
        ),
        mirrors=shape.mirrors,
        grace=timedelta(minutes=random.choice((10, 20, 40))),
        cooldown=timedelta(minutes=random.choice((20, 60))),
        **more,
    )
    return SecretPolicy(
        secret=recipe.secret,
        environment=environment,
        name=name,
        type=kind,
        recipe=recipe,
        submitted=submitted,
        warn_before=(timedelta(hours=12), timedelta(hours=2)),
        rotate_every=timedelta(hours=random.choice((8, 16))),
        page_after=timedelta(hours=8),
        owner="team",
    )


def join(
    shape: Shape,
    random: Random,
    policy: SecretPolicy,
    traits: Traits,
    slots: int | None,
    *,
    names_credentials: bool,
) -> None:
    """It is there, and mostly old enough."""
    others = [one for one in shape.secrets.values() if one.policy.environment == policy.environment]
    calendar = Calendar(freezes=list(others[0].calendar.freezes))
    age = random.uniform(0.7, 1.6) * policy.rotate_every.total_seconds()
    shape.secrets[policy.secret] = SecretShape(
        policy, traits, slots, names_credentials, 0.0, age, False, calendar
    )
    shape.write_down()
