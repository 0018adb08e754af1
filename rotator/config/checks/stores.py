"""Stores: which one an environment has, and its own options."""

from __future__ import annotations

from rotator.config.checks import options
from rotator.config.checks.workloads import check_template, texts
from rotator.config.complaints import Path, hint, unknown
from rotator.config.draft import Draft
from rotator.config.schema import Environment
from rotator.model.references import IN_SSM


def check(draft: Draft) -> None:
    """Complains about every environment's store."""
    for name, environment in draft.file.environments.items():
        _check_store(draft, name, environment)


def _check_store(draft: Draft, name: str, environment: Environment) -> None:
    kind, settings = environment.store.kind, environment.store.model_extra or {}
    path: Path = ("environments", name, "store")
    known = draft.adapters.store_names()
    if kind not in known:
        draft.complaints.error((*path, "kind"), unknown("store", kind, known))
        return
    adapter = (
        None if kind == IN_SSM else draft.adapters.store(kind)
    )  # its SDK is not loaded for a look at a policy
    if adapter is None and kind != IN_SSM:
        draft.complaints.error(
            (*path, "kind"), f"the adapter '{kind}' cannot be loaded: what it needs is not there"
        )
        return
    for where, text in texts(settings, path):
        check_template(draft, where, text, getattr(adapter, "placeholders", ()))
    options.check(draft, path, adapter, settings, [name])
    if not hasattr(adapter, "Options"):
        for key in settings:
            draft.complaints.error((*path, key), f"unknown key{hint(key, {'kind'})}")
