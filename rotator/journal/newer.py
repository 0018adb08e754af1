"""What a newer version wrote: left alone, and never in the way of others.

Replicas of two versions share the tables while a new one is rolled out, and an image may be rolled back. So a row may
hold a word or a field that this version does not know. Whoever would act on it leaves it to the newer version.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

T = TypeVar("T")
Row = TypeVar("Row")
Shape = TypeVar("Shape", bound=BaseModel)


def readable(rows: Iterable[Row], read: Callable[[Row], T]) -> list[T]:
    """What this version can read."""
    known, _ = apart(rows, read)
    return known


def apart(rows: Iterable[Row], read: Callable[[Row], T]) -> tuple[list[T], list[Row]]:
    """What this version can read, and the rows that it cannot."""
    known, unknown = list[T](), list[Row]()
    for row in rows:
        try:
            known.append(read(row))
        except ValidationError:
            unknown.append(row)
    return known, unknown


def known_part(shape: type[Shape], kept: str) -> Shape:
    """A document without the fields that this version does not know. Raises ValidationError."""
    fields: Mapping[str, Any] = json.loads(kept)
    return shape.model_validate({name: value for name, value in fields.items() if name in shape.model_fields})
