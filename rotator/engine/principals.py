"""Principals: which secrets of today's policy share one.

Before a credential is removed, no managed name of its principal may lead to it. To find those names every secret of
the environment has to be asked for its principal: once a policy, and not once a removal.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from rotator.contracts.parts import Parts
from rotator.model.policy import Policies, Recipe

Place = tuple[str, str]  # environment, provider


class Principals:
    """By environment and provider, made when they are first asked for."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._known: tuple[Policies, dict[Place, Mapping[str, Sequence[Recipe]]]] | None = None

    def namesakes(self, recipe: Recipe, principal: str) -> Sequence[Recipe]:
        """Recipes of that environment and provider with this principal. Raises what makes an adapter impossible."""
        today = self._parts.policies()
        known = self._known
        if known is None or known[0] is not today:
            known = self._known = today, {}
        place = recipe.environment, recipe.provider
        if place not in known[1]:
            known[1][place] = self._by_principal(today, place)
        return known[1][place].get(principal, ())

    def _by_principal(self, today: Policies, place: Place) -> Mapping[str, Sequence[Recipe]]:
        found = defaultdict[str, list[Recipe]](list)
        for policy in today.secrets.values():
            recipe = policy.recipe
            if (recipe.environment, recipe.provider) == place:
                found[self._parts.provider(recipe).principal].append(recipe)
        return found
