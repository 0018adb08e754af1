"""Parameters: names that SSM takes, and one writer for each.

Rules of SSM (AWS Systems Manager API reference, PutParameter): letters, digits, . _ - and /; at most 15 levels; at
most 1,011 characters with the ARN's; no name that begins with aws or ssm.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from rotator.config.complaints import Path, spell_path
from rotator.config.draft import Draft
from rotator.config.precedence import Effective

_NAME = re.compile(r"(/[A-Za-z0-9_.-]+)+")
_LEVELS = 15
_LENGTH = 1011
_ARN = "arn:aws:ssm:{region}:123456789012:parameter"
#: Where rotator writes which installation owns the environment.
_OWN = "/rotator/owner"


def check(draft: Draft, everything: Iterable[Effective]) -> None:
    """Complains about names that SSM refuses and parameters that two would write."""
    writers: dict[tuple[str, str], tuple[Path, str]] = {}
    for effective in everything:
        for where, name, what in _written(draft, effective):
            _check_name(draft, effective, where, name)
            first = writers.setdefault((effective.environment, name), (where, what))
            shared = effective.rules.one_parameter and first[1] == what
            if first != (where, what) and not shared:
                place = f"{spell_path(first[0])}, line {draft.complaints.mark(first[0]).line}"
                draft.complaints.error(where, f"is the parameter that {first[1]} writes too ({place})")
        _check_torn(draft, effective)


def _written(draft: Draft, effective: Effective) -> Iterator[tuple[Path, str, str]]:
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
    region = draft.file.environments[effective.environment].aws.region
    if draft.complaints.doubts(("environments", effective.environment, "path")):
        return
    if name == f"{prefix}{_OWN}":
        draft.complaints.error(where, "is where rotator writes which installation owns the environment")
    elif not _NAME.fullmatch(name):
        draft.complaints.error(where, "is no parameter name; letters, digits, . _ - and / are allowed")
    elif name.count("/") > _LEVELS:
        draft.complaints.error(where, f"has {name.count('/')} levels; SSM allows {_LEVELS}")
    elif len(name) + len(_ARN.format(region=region)) > _LENGTH:
        draft.complaints.error(where, f"is too long; SSM allows {_LENGTH} characters, the ARN's included")


def _check_torn(draft: Draft, effective: Effective) -> None:
    rules = effective.rules
    if len(rules.fields or ()) > 1 and not rules.torn_ok and not rules.one_parameter:
        where = effective.origin(draft.complaints, "fields")
        sentence = (
            "a pod that starts between the writes reads halves of two credentials; "
            "write torn_ok: true if its restart right after is enough, or one_parameter: json"
        )
        draft.complaints.error(where, sentence)
