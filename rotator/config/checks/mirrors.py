"""Mirrors: what they are, where they lead, and what must not be copied there."""

from __future__ import annotations

from typing import Any

from rotator.config.checks import options
from rotator.config.checks.workloads import check_page, check_template, texts
from rotator.config.complaints import Path, hint
from rotator.config.draft import Draft
from rotator.model.environments import is_production

#: Whoever may change a build may read what it is given.
_BUILDS = frozenset({"github-actions"})


def check(draft: Draft) -> None:
    """Complains about every mirror."""
    for name, mirror in draft.file.mirrors.items():
        _check_mirror(draft, name, mirror.kind, mirror.model_extra or {})
        wrong = draft.complaints.doubts(("mirrors", name, "allow_production"))
        if mirror.kind in _BUILDS and not mirror.allow_production and not wrong:
            _keep_production_out(draft, name)


def _check_mirror(draft: Draft, name: str, kind: str, settings: dict[str, Any]) -> None:
    path: Path = ("mirrors", name)
    known = draft.adapters.mirror_names()
    if kind not in known:
        draft.complaints.error((*path, "kind"), f"unknown mirror '{kind}'{hint(kind, known)}")
    if isinstance(address := settings.get("address"), str):
        check_page(draft, (*path, "address"), address, gets_values=True)
    adapter = draft.adapters.mirror(kind)
    for where, text in texts(settings, path):
        check_template(draft, where, text, getattr(adapter, "placeholders", ()))
    options.check(draft, path, adapter, settings)
    apart = hasattr(adapter, "place") or any("{env}" in text for _where, text in texts(settings, path))
    if not apart and len(_used_in(draft, name)) > 1:
        draft.complaints.error(path, "is the same place in several environments; write {env} in it")


def _keep_production_out(draft: Draft, name: str) -> None:
    for environment, secrets in _used_in(draft, name).items():
        if is_production(environment):
            for secret in secrets:
                sentence = (
                    f"gives {secret} of {environment} to builds, where whoever may change one may read it; take it "
                    f"out, or write allow_production: with a reason beside mirrors.{name}.kind (an environment counts "
                    "as production unless a word of its name says dev, test, staging or the like)"
                )
                draft.complaints.error(("secrets", secret), sentence)


def _used_in(draft: Draft, mirror: str) -> dict[str, list[str]]:
    """Environment -> the secrets that it gets copies of there."""
    used: dict[str, list[str]] = {}
    for name in draft.file.secrets:
        for environment in draft.file.environments:
            effective = draft.levels.effective(name, environment)
            if effective and mirror in (effective.rules.mirrors or ()):
                used.setdefault(environment, []).append(name)
    return used
