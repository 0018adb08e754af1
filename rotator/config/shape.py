"""From values to the schema: every part that does not fit is complained about and left out, the rest goes on.

So one run shows a wrong duration here and an unknown owner there, not the first mistake only.
"""

from __future__ import annotations

import types
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from rotator.config.complaints import Complaints, Path, nearest
from rotator.config.describe import describe
from rotator.config.schema import PolicyFile

#: Leaving a part out can make what holds it incomplete, and so on upwards; a file is no deeper than this.
_ROUNDS = 12
#: What the rest is checked with when these are missing or wrong.
_STAND_INS: dict[str, Any] = {"apiVersion": "rotator/v1", "kind": "RotationPolicies", "secrets": {}}


def shape(values: Any, complaints: Complaints) -> PolicyFile | None:
    """The file by its schema, without the parts that were complained about; None when too little is left."""
    for _ in range(_ROUNDS):
        try:
            return PolicyFile.model_validate(values)
        except ValidationError as invalid:
            errors = invalid.errors(include_url=False)
        for error in errors:
            _complain(error, complaints)
        if not isinstance(values, dict):
            return None
        for error in errors:
            _leave_out(values, _left_out(error))
        values = {**_STAND_INS, **values}
    return None


def _complain(error: ErrorDetails, complaints: Complaints) -> None:
    path: Path = tuple(error["loc"])
    if complaints.doubts(path):
        return
    keys = keys_at(path[:-1])
    complaints.malformed(path, describe(error, keys))
    if error["type"] == "extra_forbidden" and (meant := nearest(str(path[-1]), frozenset(keys))):
        complaints.doubt((*path[:-1], meant))


def _left_out(error: ErrorDetails) -> Path:
    """What has to go: the part itself, what lacks a part, or the list that the part stands in."""
    path: Path = tuple(error["loc"])
    if error["type"] == "missing":
        path = path[:-1]
    lists = [place for place, part in enumerate(path) if isinstance(part, int)]
    return path[: lists[0]] if lists else path


def _leave_out(values: dict[str, Any], path: Path) -> None:
    holder: Any = values
    for part in path[:-1]:
        holder = holder.get(part) if isinstance(holder, dict) else None
    if path and isinstance(holder, dict):
        holder.pop(path[-1], None)


def keys_at(path: Path) -> list[str]:
    """The keys that the schema knows at `path`."""
    here: Any = PolicyFile
    for part in path:
        here = _below(here, part)
    return [field.alias or name for name, field in here.model_fields.items()] if _is_part(here) else []


def _below(here: Any, part: str | int) -> Any:
    """The type of what stands under a key or an index."""
    if _is_part(here):
        fields = {field.alias or name: field.annotation for name, field in here.model_fields.items()}
        found = fields.get(str(part))
    else:
        found = get_args(here)[-1] if get_origin(here) in {dict, list} else None
    while get_origin(found) in {Annotated, Union, types.UnionType}:
        found = next((one for one in get_args(found) if one is not type(None)), None)
    return found


def _is_part(here: Any) -> bool:
    return isinstance(here, type) and issubclass(here, BaseModel)
