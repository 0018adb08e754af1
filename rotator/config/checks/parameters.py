"""Parameters: names of letters, digits, . _ - and /, which every store takes, and one writer for each.

How long a name may be, each store says itself: places.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from rotator.config.complaints import Path, spell_path
from rotator.config.draft import Draft
from rotator.config.precedence import Effective

NAME = re.compile(r"(/[A-Za-z0-9_.-]+)+")
#: Where rotator writes which installation owns the environment.
OWN = "/rotator/owner"


def check(draft: Draft, everything: Iterable[Effective]) -> None:
    """Complains about names that SSM refuses and parameters that two would write."""
    writers: dict[tuple[str, str], tuple[Path, str]] = {}
    for effective in everything:
        for where, name, what in written(draft, effective):
            _check_name(draft, effective, where, name)
            first = writers.setdefault((effective.environment, name), (where, what))
            shared = effective.rules.one_parameter and first[1] == what
            if first != (where, what) and not shared:
                place = f"{spell_path(first[0])}, line {draft.complaints.mark(first[0]).line}"
                remedy = "; one_parameter: json keeps all fields in one" if first[1] == what else ""
                draft.complaints.error(
                    where, f"is the parameter that {first[1]} writes too ({place}){remedy}"
                )
        _check_together(draft, effective)


def written(draft: Draft, effective: Effective) -> Iterator[tuple[Path, str, str]]:
    """(where the file says so, full name, what it is) of every parameter of a secret."""
    for field, name in draft.fields_of(effective).items():
        where = (
            effective.origin(draft.complaints, "fields", field) if effective.rules.fields else effective.path
        )
        yield where, name, effective.name
    if accepted_as := draft.accepted_as_of(effective):
        where = effective.origin(draft.complaints, "accepted_as")
        yield where, accepted_as, f"the accepted set of {effective.name}"


def _check_name(draft: Draft, effective: Effective, where: Path, name: str) -> None:
    prefix = draft.prefixes[effective.environment]
    if draft.complaints.doubts(("environments", effective.environment, "path")):
        return
    if name == f"{prefix}{OWN}":
        draft.complaints.error(where, "is where rotator writes which installation owns the environment")
    elif not NAME.fullmatch(name):
        draft.complaints.error(where, "is no parameter name; letters, digits, . _ - and / are allowed")


def _check_together(draft: Draft, effective: Effective) -> None:
    """Several fields are in one parameter, or may be read half and half."""
    rules, names = effective.rules, set(draft.fields_of(effective).values())
    if rules.one_parameter:
        where = effective.origin(draft.complaints, "one_parameter")
        if len(rules.fields or ()) < 2:
            draft.complaints.error(
                where,
                "is for credentials of several fields, which fields names; this one has none, so take it out",
            )
        elif len(names) > 1:
            draft.complaints.error(
                where,
                f"puts all fields into one parameter, but fields names {len(names)}; write the same for each",
            )
    elif len(rules.fields or ()) > 1 and not rules.torn_ok:
        where = effective.origin(draft.complaints, "fields")
        sentence = (
            "a pod that starts between the writes reads halves of two credentials; "
            "write torn_ok: true if its restart right after is enough, or one_parameter: json"
        )
        draft.complaints.error(where, sentence)
