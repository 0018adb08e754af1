"""The adapter's own options of a deployment, a mirror or a store, held against what the adapter says it takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from rotator.config.complaints import Path
from rotator.config.describe import describe, keys_of
from rotator.config.draft import Draft, expand


def check(
    draft: Draft,
    where: Path,
    adapter: Any,
    settings: Mapping[str, Any],
    environments: Iterable[str] | None = None,
) -> None:
    """Complains about each option that is wrong, in any of the environments (all); silent where there is no adapter."""
    options = getattr(adapter, "Options", None)
    if options is None:
        return
    told = set()
    for environment in draft.file.environments if environments is None else environments:
        try:
            options.model_validate(expand(dict(settings), environment))
        except ValidationError as invalid:
            for error in invalid.errors(include_url=False, include_input=False):
                keys = keys_of(error)
                told.add(((*where, *keys), describe(error, list(options.model_fields))))
    for place, sentence in sorted(told, key=str):
        draft.complaints.error(place, sentence)
