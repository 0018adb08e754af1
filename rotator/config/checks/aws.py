"""Where in AWS an environment is: names that AWS would refuse only when the first secret is written.

A region's name is area, direction and number. New ones come, so one that is made of unknown words is noted, never
refused. Shapes of a KMS key: AWS KMS API reference, GenerateDataKey, KeyId.
"""

from __future__ import annotations

import re

from rotator.config.complaints import nearest, shorten
from rotator.config.draft import Draft, expand

_AREAS = frozenset(
    {
        "af", "ap", "ca", "cn", "eu", "eu-isoe", "eusc-de", "il", "me", "mx", "sa",
        "us", "us-gov", "us-iso", "us-isob", "us-isof",
    }
)  # fmt: skip
_DIRECTIONS = frozenset(
    {
        "central", "east", "north", "northeast", "northwest", "south", "southeast", "southwest", "west",
    }
)  # fmt: skip
_ALIAS = r"alias/[\w/-]{1,250}"
_KEY_ID = r"([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|mrk-[0-9a-f]{32})"
_KMS_KEY = re.compile(rf"{_ALIAS}|{_KEY_ID}|arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{{12}}:({_ALIAS}|key/{_KEY_ID})")


def check(draft: Draft) -> None:
    """Complains about keys that are none, and notes regions that are like none."""
    for name, environment in draft.file.environments.items():
        where = ("environments", name, "aws")
        if trouble := _strange(environment.aws.region):
            draft.complaints.note((*where, "region"), trouble)
        key = environment.aws.kms_key
        if key is not None and not _KMS_KEY.fullmatch(str(expand(key, name))):
            sentence = f"is no KMS key{_meant(key)}; write alias/NAME, the key's id or its ARN"
            draft.complaints.error((*where, "kms_key"), sentence)


def _strange(region: str) -> str:
    """What is strange about a region's name; empty when nothing is."""
    area, direction, number = region.rsplit("-", 2)
    if area in _AREAS and direction in _DIRECTIONS:
        return ""
    meant = (nearest(area, _AREAS), nearest(direction, _DIRECTIONS))
    suggested = f" (did you mean '{meant[0]}-{meant[1]}-{number}'?)" if all(meant) else ""
    return f"'{shorten(region)}' is like no AWS region that rotator knows{suggested}"


def _meant(key: str) -> str:
    """`alais/taly` is an alias."""
    prefix, _, name = key.replace(" ", "/").replace(":", "/").partition("/")
    return (
        f" (did you mean '{shorten(f'alias/{name}')}'?)"
        if name and nearest(prefix, frozenset({"alias"}))
        else ""
    )
