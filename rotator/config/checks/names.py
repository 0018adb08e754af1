"""Names that refer to something: type, owner, windows, deployments, mirrors, approvers, environments."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

from rotator.config.complaints import Path, unknown
from rotator.config.draft import Draft
from rotator.config.schema import Schedule, SecretRules

#: Key -> the section that defines the names in it, and what one of them is called.
_SECTIONS = {
    "owner": ("owners", "owner"),
    "windows": ("windows", "window"),
    "approvers": ("owners", "owner"),
    "deploy": ("deployments", "deployment"),
    "mirrors": ("mirrors", "mirror"),
}


def check(draft: Draft) -> None:
    """Complains about every name that nothing bears."""
    for path, level in draft.levels.each():
        _check_level(draft, path, level)
    for name, secret in draft.file.secrets.items():
        _check_secret_name(draft, name)
        if secret.type is not None:
            _refer(draft, ("secrets", name, "type"), [secret.type], "types", "type")
        elif not secret.exempt and not draft.complaints.doubts(("secrets", name, "exempt")):
            draft.complaints.error(
                ("secrets", name, "type"), "is missing; only an exempt secret needs no type"
            )
        _refer(draft, ("secrets", name, "only_in"), secret.only_in or (), "environments", "environment")
        for environment in secret.environments:
            path = ("secrets", name, "environments", environment)
            _refer(draft, path, [environment], "environments", "environment")
    _check_ignored(draft)


def _check_level(draft: Draft, path: Path, level: Schedule) -> None:
    for key in level.model_fields_set & _SECTIONS.keys():
        section, what = _SECTIONS[key]
        said = getattr(level, key) or ()
        _refer(draft, (*path, key), [said] if isinstance(said, str) else said, section, what)
    for place, name in enumerate(level.approvers or ()):
        owner = draft.file.owners.get(name)
        if owner is not None and not owner.members:
            sentence = (
                f"{name} has no members, so nobody could say yes; write owners.{name}.members: [ana, …]"
            )
            draft.complaints.error((*path, "approvers", place), sentence)
    if isinstance(level, SecretRules) and level.exempt and level.exempt.approved_by:
        _refer(draft, (*path, "exempt", "approved_by"), [level.exempt.approved_by], "owners", "owner")


def _refer(draft: Draft, path: Path, words: Iterable[str], section: str, what: str) -> None:
    known = draft.names[section]
    for place, word in enumerate(words):
        if word not in known:
            item = (*path, place) if (*path, place) in draft.complaints.marks else path
            draft.complaints.error(item, unknown(what, word, known))


def _check_secret_name(draft: Draft, name: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*", name):
        draft.complaints.malformed(
            ("secrets", name), "is no name for a secret; use letters, digits, . _ - and /"
        )


def _check_ignored(draft: Draft) -> None:
    for place, glob in enumerate(draft.file.ignore):
        where = ("ignore", place)
        for environment in draft.file.environments:
            for name in draft.file.secrets:
                if fnmatchcase(f"{draft.prefixes[environment]}/{name}", glob):
                    draft.complaints.error(
                        where, f"matches {name}, which secrets names; a managed secret is never ignored"
                    )
        if not glob.startswith("/"):
            draft.complaints.error(where, "is no glob of parameter names; it starts with /: /taly/*/LEGACY_*")
