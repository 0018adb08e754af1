"""References to credentials of rotator's own: where they may lead, and that nobody wrote a value instead."""

from __future__ import annotations

import re
from collections.abc import Iterable

from rotator.config.checks.workloads import texts
from rotator.config.complaints import Path, listed
from rotator.config.draft import Draft, expand
from rotator.config.precedence import Effective
from rotator.model.policy import Recipe
from rotator.model.references import IN_SSM, own_prefixes, scheme_of

_REFERENCE = re.compile(r"(ssm|k8s|env|file|vault(-kv2)?|secrets-?manager):\S+")
_PASSWORD = re.compile(r"://[^\s{}/@:]*:[^\s{}/@]+@")


def check(draft: Draft) -> None:
    """Complains about references of owners, alerts, mirrors, deployments and stores."""
    environments = list(draft.file.environments)
    for name, owner in draft.file.owners.items():
        for where, text in texts(owner.model_extra, ("owners", name)):
            _check_one(draft, where, text, environments)
    if draft.file.alerts.heartbeat:
        where = ("alerts", "heartbeat", "url")
        _check_one(draft, where, draft.file.alerts.heartbeat.url, environments)
    for name, mirror in draft.file.mirrors.items():
        _check_everywhere(draft, texts(mirror.model_extra, ("mirrors", name)))
    for name, deployment in draft.file.deployments.items():
        _check_everywhere(draft, texts(deployment.settings, ("deployments", name, "settings")))
    for name, environment in draft.file.environments.items():
        for where, text in texts(environment.store.model_extra, ("environments", name, "store")):
            _check_login(draft, where, expand(text, name), name)


def _check_everywhere(draft: Draft, written: Iterable[tuple[Path, str]]) -> None:
    """Of what is written once for all environments: each has its own."""
    for where, text in written:
        for environment in draft.file.environments:
            _check_one(draft, where, expand(text, environment), [environment])


def _check_login(draft: Draft, where: Path, text: str, environment: str) -> None:
    """Of a store's own options: what it needs to be opened cannot be behind itself."""
    scheme = scheme_of(draft.file.environments[environment].store.kind)
    if scheme != IN_SSM and text.startswith(f"{scheme}:/"):
        sentence = f"is in the very store that it opens; write {IN_SSM}:<path>/rotator/NAME"
        draft.complaints.error(where, sentence)
    else:
        _check_one(draft, where, text, [environment], own_prefixes(IN_SSM, draft.prefixes[environment]))


def check_secret(draft: Draft, effective: Effective, recipe: Recipe) -> None:
    """Complains about references in the settings of one secret."""
    for keys, text in texts(recipe.settings, ()):
        if ":" in text:
            where = effective.origin(draft.complaints, "settings", *keys)
            _check_one(draft, where, text, [effective.environment])


def note_unlisted(draft: Draft, everything: Iterable[Effective]) -> None:
    """Rotator's own credentials have an age too."""
    known = list(everything)
    managed = {name for effective in known for name in draft.fields_of(effective).values()}
    for effective in known:
        own = f"{draft.prefixes[effective.environment]}/"
        scheme = scheme_of(draft.file.environments[effective.environment].store.kind)
        for keys, text in texts(expand(effective.rules.settings or {}, effective.environment), ()):
            name = text.removeprefix(f"{scheme}:")
            if name != text and name not in managed and name.startswith(f"{own}rotator/"):
                where = effective.origin(draft.complaints, "settings", *keys)
                short = name.removeprefix(own)
                draft.complaints.note(where, f"nobody watches the age of {short}; list it under secrets")


def _check_one(
    draft: Draft, where: Path, text: str, environments: list[str], own: tuple[str, ...] = ()
) -> None:
    """Complains where it holds a password, or leads elsewhere than `own`: by default into the environments' stores."""
    if _PASSWORD.search(text):
        draft.complaints.error(where, "holds a password; store it, and write ssm:<path>/rotator/NAME here")
    if not _REFERENCE.fullmatch(text):
        return
    if any(draft.complaints.doubts(("environments", environment, "path")) for environment in environments):
        return
    own = own or tuple(prefix for environment in environments for prefix in draft.references_of(environment))
    allowed = (*own, *draft.limits.reference_prefixes)
    if not text.startswith(allowed) or "/../" in text:
        besides = f" or {listed(draft.limits.reference_prefixes)}" if draft.limits.reference_prefixes else ""
        template = "; write {env}" if _elsewhere(draft, text, environments) else ""
        schemes = dict.fromkeys(prefix.partition(":")[0] for prefix in own)
        below = " or ".join(f"{scheme}:<path>/rotator/" for scheme in schemes)
        sentence = f"a reference may only lead below {below} of its environment{besides}{template}"
        draft.complaints.error(where, sentence)


def _elsewhere(draft: Draft, text: str, environments: list[str]) -> bool:
    """Whether it belongs to another environment."""
    others = draft.prefixes.keys() - set(environments)
    return any(text.startswith(draft.references_of(name)) for name in others)
