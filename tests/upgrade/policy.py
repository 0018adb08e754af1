"""Today's policy for each place, and the parameters that it is about."""

from __future__ import annotations

from datetime import timedelta

from rotator.contracts.provider import Overlap
from rotator.model.policy import Deployment, Recipe, SecretPolicy
from tests.upgrade.places import SHARED, Place

PATH = "/taly/production"
_PERIOD = timedelta(days=90)


def policy_of(place: Place) -> SecretPolicy:
    """Today's policy for one secret."""
    name = f"{PATH}/{place.name}"
    two = place.recipe.get("torn_ok")
    recipe = Recipe(
        secret=place.secret,
        environment="production",
        provider="token" if place.kind is SHARED else "hostile",
        fields={"sid": f"{name}_SID", "secret": f"{name}_SECRET"} if two else {"value": name},
        accepted_as=f"{name}_ACCEPTED" if place.kind is SHARED else None,
        deployments=(Deployment(id=place.reads, kind="memory", target=place.reads),),
        grace=timedelta(minutes=10),
        accept_gap=place.kind is not None and place.kind.overlap is Overlap.NONE,
        **place.recipe,
    )
    return SecretPolicy(
        secret=place.secret,
        environment="production",
        name=place.name,
        type="token",
        recipe=recipe,
        mode=place.mode,
        rotate_every=_PERIOD,
        owner="ops",
        submitted=place.kind is not None and place.kind.submitted,
    )


def parameters_of(recipe: Recipe) -> list[str]:
    """The parameters that hold its fields, and the one that holds its accepted set."""
    return [*recipe.fields.values(), *([recipe.accepted_as] if recipe.accepted_as else [])]
