"""Two secrets of one principal: rotator counts and removes credentials by principal, in one environment.

Where staging and production, or two kinds of secret, mean the same user at the same source, a rotation of the one
would take the other's credential for nobody's. Adapters name the options that say whose credentials they are:
`apart`.
"""

from __future__ import annotations

from collections.abc import Iterable

from rotator.config.draft import Draft
from rotator.config.precedence import Effective
from rotator.config.watched import rotates
from rotator.model.policy import Recipe


def check(draft: Draft, recipes: Iterable[tuple[Effective, Recipe]]) -> None:
    """Complains about every secret whose principal is that of another environment's, or of another adapter's."""
    first: dict[tuple[str, ...], tuple[Effective, Recipe]] = {}
    for effective, recipe in recipes:
        options: tuple[str, ...] = getattr(draft.provider_of(effective), "apart", ())
        said = tuple(f"{option}: {recipe.settings.get(option)}" for option in options)
        if not said or not rotates(draft, effective):
            continue
        other, its = first.setdefault(said, (effective, recipe))
        if (its.environment, its.provider) != (recipe.environment, recipe.provider):
            where = effective.origin(draft.complaints, "settings", options[-1])
            sentence = (
                f"means the same at the source as {other.id} does ({', '.join(said)}): a rotation of one would end "
                "what the other uses; give each its own"
            )
            draft.complaints.error(where, sentence)
