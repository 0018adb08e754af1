"""What the source's adapter demands: its own typed options, its traits, and its own check of the whole recipe.

A wrong option does not hide what else is wrong: the adapter is asked about the recipe without it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from rotator.config.checks.workloads import check_host
from rotator.config.complaints import Path, unknown
from rotator.config.describe import describe, keys_of
from rotator.config.draft import Draft
from rotator.config.precedence import Effective
from rotator.config.schema import SecretRules
from rotator.config.watched import mode_of
from rotator.contracts.provider import Overlap, Sight, Traits
from rotator.model.policy import Mode, Recipe


def check_providers(draft: Draft) -> None:
    """Complains about providers that nobody knows, also of types that no secret has."""
    known = draft.adapters.provider_names()
    for name, kind in draft.file.types.items():
        if kind.provider not in known:
            where = ("types", name, "provider")
            draft.complaints.error(where, unknown("provider", kind.provider, known))


def check(draft: Draft, effective: Effective, recipe: Recipe) -> None:
    """Complains about everything that the adapter objects to; silent where there is none."""
    adapter = draft.provider_of(effective)
    if adapter is None or effective.rules.exempt:
        return
    if mode_of(draft, effective) is not Mode.OBSERVE:
        _check_traits(draft, effective, getattr(adapter, "traits", None))
    try:
        _ask(draft, effective, recipe, adapter)
    except Exception as bug:  # noqa: BLE001 - an adapter's bug must not take the daemon down with the file
        sentence = f"the adapter '{effective.provider}' could not check this: a bug ({type(bug).__name__}); report it"
        draft.complaints.error(effective.path, sentence)


def _ask(draft: Draft, effective: Effective, recipe: Recipe, adapter: Any) -> None:
    errors = _check_options(draft, effective, recipe, adapter)
    if not hasattr(adapter, "check"):
        return
    wrong = frozenset(error["loc"][0] for error in errors if error["loc"])
    settings = {key: value for key, value in recipe.settings.items() if key not in wrong}
    try:
        sentences = adapter.check(recipe.model_copy(update={"settings": settings}))
    except ValidationError:
        if errors:
            return  # it cannot judge the rest without what is wrong
        raise
    for sentence in sentences:
        _object(draft, effective, adapter, sentence, wrong)
    if not errors:
        _check_allowed(draft, effective, recipe, adapter)
        _note_advice(draft, effective, recipe, adapter)


def _note_advice(draft: Draft, effective: Effective, recipe: Recipe, adapter: Any) -> None:
    """What the adapter would do otherwise, or cannot judge. Of an option that nobody writes: once, at the type."""
    copies = frozenset(draft.file.mirrors[name].kind for name in recipe.mirrors)
    for sentence in adapter.advise(recipe, copies) if hasattr(adapter, "advise") else ():
        keys = _named(adapter, sentence)
        where = effective.origin(draft.complaints, *keys)
        if where == effective.path and keys[:1] == ("settings",):
            where = ("types", effective.type)
        draft.complaints.note(where, sentence)


def _check_allowed(draft: Draft, effective: Effective, recipe: Recipe, adapter: Any) -> None:
    """Where a credential goes, and whether the policy may say with which requests, settings decide."""
    for key, hosts in adapter.hosts(recipe).items() if hasattr(adapter, "hosts") else ():
        where = effective.origin(draft.complaints, "settings", key)
        for host in dict.fromkeys(hosts):
            check_host(draft, where, host, gets_values=True)
    written = adapter.own_recipe(recipe) if hasattr(adapter, "own_recipe") else None
    if written and not draft.limits.own_recipes:
        where = effective.origin(draft.complaints, "settings", written)
        draft.complaints.error(where, "is written in the policy, which only ROTATOR_OWN_RECIPES=true allows")


def _check_options(
    draft: Draft, effective: Effective, recipe: Recipe, adapter: Any
) -> Sequence[ErrorDetails]:
    """Complains about each of the adapter's own options that is wrong; what pydantic says of them."""
    options = getattr(adapter, "Options", None)
    if options is None:
        return ()
    try:
        options.model_validate(recipe.settings)
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False)
    else:
        return ()
    for error in errors:
        keys = keys_of(error)
        sentence = describe(error, list(options.model_fields))
        where: Path = effective.origin(draft.complaints, "settings", *keys)
        if error["type"] == "missing" and isinstance(keys[-1], int):
            where = effective.origin(draft.complaints, "settings", *keys[:-1])
            sentence = "has too few entries"
        elif error["type"] == "missing":
            where = (*effective.path, "settings", *keys)
        draft.complaints.error(where, sentence)
    return errors


def _check_traits(draft: Draft, effective: Effective, traits: Traits | None) -> None:
    rules, error = effective.rules, draft.complaints.error
    where = effective.path
    if rules.deploy is None:
        sentence = "says nobody who reads it; write deploy: [api, worker], or deploy: [] when nothing needs a restart"
        error(where, sentence)
    if rules.probe and not rules.accepted_as:
        error(effective.origin(draft.complaints, "probe"), "asks verifiers, but there is no accepted_as")
    if traits is None:
        return
    if traits.shared and not rules.accepted_as and not rules.accept_gap:
        sentence = (
            f"both ends of a {effective.provider} are ours: write accepted_as: {effective.name}_ACCEPTED, "
            "or accept_gap: true if verifiers may refuse it while they restart"
        )
        error(where, sentence)
    if rules.accepted_as and not (traits.shared or traits.verified):
        place = effective.origin(draft.complaints, "accepted_as")
        error(place, f"{effective.provider} has no accepted set; take accepted_as out")
    if traits.overlap is Overlap.NONE and not rules.accept_gap:
        error(
            where,
            f"{effective.provider} accepts one credential at a time; write accept_gap: true to accept a gap",
        )
    if traits.sight is Sight.NO and not traits.submitted and not rules.accept_unseen:
        sentence = f"{effective.provider} cannot show whether the predecessor is still used"
        error(where, f"{sentence}; write accept_unseen: true to invalidate it all the same")


def _object(
    draft: Draft, effective: Effective, adapter: Any, sentence: str, wrong: frozenset[str | int]
) -> None:
    """An adapter's sentence, at the first key that it names; of a wrong one nothing more is said."""
    keys = _named(adapter, sentence)
    if not keys:
        draft.complaints.error(effective.path, sentence)
    elif keys[-1] not in wrong and not effective.doubtful(draft.complaints, keys[0]):
        draft.complaints.error(effective.origin(draft.complaints, *keys), sentence)


def _named(adapter: Any, sentence: str) -> tuple[str, ...]:
    """The first key of a secret or option of its adapter in a sentence; empty where it names none."""
    options = getattr(getattr(adapter, "Options", None), "model_fields", {})
    for word in re.findall(r"\w+", sentence):
        if word in SecretRules.model_fields:
            return (word,)
        if word in options:
            return ("settings", word)
    return ()
