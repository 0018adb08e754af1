"""What the schema cannot see: every check looks at one thing and complains about all of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from rotator.config.checks import (
    alerts,
    aws,
    definitions,
    mirrors,
    names,
    owners,
    parameters,
    people,
    places,
    principals,
    readers,
    references,
    sources,
    stores,
    timing,
    workloads,
)
from rotator.config.draft import Draft
from rotator.config.precedence import Effective
from rotator.model.policy import EnvironmentPolicy, MirrorPolicy, Recipe

#: Of the file, before anything is inherited.
OF_THE_FILE: tuple[Callable[[Draft], None], ...] = (
    names.check,
    definitions.check,
    aws.check,
    owners.check,
    people.check,
    alerts.check,
    workloads.check,
    mirrors.check,
    stores.check,
    references.check,
    readers.check,
    sources.check_providers,
)


def check_file(draft: Draft) -> None:
    """Everything that can be said without looking at a single secret in its environment."""
    for check in OF_THE_FILE:
        check(draft)


def check_secrets(
    draft: Draft,
    recipes: Iterable[tuple[Effective, Recipe]],
    environments: Mapping[str, EnvironmentPolicy],
    copies: Mapping[str, MirrorPolicy],
) -> None:
    """Everything about secrets with what they inherit, and the places that they are kept in."""
    known = list(recipes)
    everything = [effective for effective, _recipe in known]
    timing.check(draft, everything)
    for effective, recipe in known:
        references.check_secret(draft, effective, recipe)
        sources.check(draft, effective, recipe)
    parameters.check(draft, everything)
    places.check(draft, known, environments, copies)
    principals.check(draft, known)
    references.note_unlisted(draft, everything)
